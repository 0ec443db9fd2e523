//! Execution of a command that prints a secret, such as the command line of a password manager.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::output::redact;

/// Long enough to touch a security key, short enough for CI.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The reason why the command returned no secret. Contains nothing of its standard output.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("the shell `sh` could not be started: {0}")]
    NotStarted(std::io::Error),
    #[error("its output could not be read: {0}")]
    NotRead(std::io::Error),
    #[error("it did not finish within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("it failed with {status}{}", last_line.as_deref().map(|l| format!(": {l}")).unwrap_or_default())]
    Failed {
        status: std::process::ExitStatus,
        last_line: Option<String>,
    },
    #[error("the first line of its output is empty")]
    Empty,
    #[error("its output is not valid UTF-8")]
    NotUtf8,
}

/// The first line of the output of `sh -c command`.
pub(super) fn first_line(command: &str, limit: Duration) -> Result<SecretString, CommandError> {
    let output = run(command, limit)?;
    let stdout = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(CommandError::Failed {
            status: output.status,
            last_line: last_line(&output.stderr),
        });
    }
    let text = std::str::from_utf8(&stdout).map_err(|_| CommandError::NotUtf8)?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.into()),
        _ => Err(CommandError::Empty),
    }
}

fn run(command: &str, limit: Duration) -> Result<Output, CommandError> {
    let child = Command::new("sh")
        .args(["-c", command])
        // Data piped into tenantctl is not for the command; a prompt can use the terminal.
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(CommandError::NotStarted)?;
    let pid = i32::try_from(child.id()).map(Pid::from_raw);
    let (done, wait) = channel();
    thread::spawn(move || {
        // The receiver is gone after the time limit.
        let _ = done.send(child.wait_with_output());
    });
    match wait.recv_timeout(limit) {
        Ok(output) => output.map_err(CommandError::NotRead),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            if let Ok(pid) = pid {
                // It may have ended just now, which does no harm.
                let _ = kill(pid, Signal::SIGTERM);
            }
            Err(CommandError::TimedOut(limit))
        }
    }
}

/// The last line of the error output, without passwords.
fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().map(str::trim).find(|l| !l.is_empty())?;
    Some(redact(line).into_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn error(command: &str) -> String {
        first_line(command, TIME_LIMIT).unwrap_err().to_string()
    }

    #[test]
    fn takes_the_first_line() {
        let secret = first_line("printf ' one \\ntwo\\n'", TIME_LIMIT).unwrap();
        assert_eq!(secret.expose_secret(), "one");
    }

    #[test]
    fn does_not_eat_standard_input() {
        assert_eq!(error("cat"), "the first line of its output is empty");
    }

    #[test]
    fn a_failure_shows_the_status_and_the_last_complaint_only() {
        let shown = error("echo hunter2; echo first >&2; echo 'not found' >&2; exit 3");
        assert_eq!(shown, "it failed with exit status: 3: not found");
        let shown = error("echo 'bad postgres://o:hunter2@h/d' >&2; exit 1");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn gives_up_after_the_limit() {
        let limit = Duration::from_millis(50);
        let error = first_line("exec sleep 60", limit).unwrap_err();
        assert!(matches!(error, CommandError::TimedOut(_)));
    }
}
