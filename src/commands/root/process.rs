//! The process: from its arguments to its exit code.

use std::{pin::pin, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};

use super::{Command, parse::parse, takes, usage};
use crate::{
    app::App,
    commands::complete,
    error::{Error, Result},
    system::Environment,
};

/// Runs the process: parses the arguments, starts the runtime, handles Ctrl-C, and returns the exit code.
///
/// A plain function of the library: async bodies are compiled where they are polled, and would be compiled again in
/// each binary.
pub fn main() -> ExitCode {
    complete::answer_if_asked();
    let environment = Environment::from_process();
    let (cli, scope) = match parse() {
        Ok(parsed) => parsed,
        Err(error) => return usage::report(&error, &environment),
    };
    let app = App::new(cli.global, environment, takes).running(scope);
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

fn run(app: &App, command: Command) -> Result<()> {
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
