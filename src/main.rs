//! Parse, runtime, Ctrl-C, exit code; nothing else.

use std::{pin::pin, process::ExitCode};

use tenantctl::{
    cli,
    context::{App, Environment},
    error::{Error, Result},
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
        // Before the last word: what led to it.
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
        // Requests may have every core; a command does one thing after another.
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build()?;
    let ended = runtime.block_on(async {
        // Registered before anything runs: a prompt that is interrupted restores the terminal
        // and raises the signal again.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut work = pin!(command.run(app));
        loop {
            tokio::select! {
                // A signal first: it belongs to who had the terminal when it came.
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
    // Whatever still blocks (a prompt's thread) must not hold the exit up. The connection goes
    // with the process, and the server rolls back what was not committed.
    runtime.shutdown_background();
    ended
}
