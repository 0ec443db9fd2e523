//! Parses the arguments, starts the runtime, handles Ctrl-C and sets the exit code; nothing else.

use std::{pin::pin, process::ExitCode};

use tenantctl::{
    app::App,
    cli,
    error::{Error, Result},
    system::Environment,
};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    cli::complete::answer_if_asked();
    let environment = Environment::from_process();
    let (cli, scope) = match cli::scope::parse() {
        Ok(parsed) => parsed,
        Err(error) => return cli::usage::tell(&error, &environment),
    };
    let app = App::new(cli.global, environment).running(scope);
    let log = match cli.command.is_server() {
        true => app.start_server_logging().map(Some),
        false => {
            app.start_logging();
            Ok(None)
        }
    };
    let ended = log.and_then(|log| {
        let ended = run(&app, cli.command);
        // Flush the log before the final error message.
        drop(log);
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            app.printer.error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(app: &App, command: cli::Command) -> Result<()> {
    let mut builder = match command.is_server() {
        // Requests may use every core; a command runs its steps in sequence.
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build()?;
    let ended = runtime.block_on(async {
        // Registered before anything runs: an interrupted prompt restores the terminal and raises
        // the signal again.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut work = pin!(command.run(app));
        loop {
            tokio::select! {
                // Check the signal first: it belongs to the process that owned the terminal when it
                // arrived.
                biased;
                _ = interrupt.recv() => {
                    if !app.leaves_interrupts_alone() {
                        return Err(Error::interrupted());
                    }
                }
                ended = &mut work => return ended,
            }
        }
    });
    // Anything still blocked (a prompt's thread) must not delay the exit. The connection closes
    // with the process, and the server rolls back uncommitted changes.
    runtime.shutdown_background();
    ended
}
