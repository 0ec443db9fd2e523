//! Creating, starting and stopping the server of a data directory.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::SUPERUSER;
use super::account::Account;
use super::binaries::Binaries;
use super::files::remove_dir;
use super::layout::Layout;
use super::pidfile::PidFile;
use crate::error::{Context, Error, Result};

/// Time that `pg_ctl` waits for a server to accept connections, in seconds.
const START_TIMEOUT: &str = "60";

/// Time that a server may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Interval of the checks for that.
const POLL: Duration = Duration::from_millis(20);

/// Number of lines of the server's log in an error.
const LOG_LINES: usize = 12;

/// Number of bytes of the log to search for them.
const LOG_TAIL: u64 = 16 * 1024;

/// In order of preference: `C.UTF-8` knows letters beyond ASCII, but only recent versions of macOS
/// have it.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// The server programs and the account that runs them.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub(super) account: Account,
    pub(super) binaries: Binaries,
    pub(super) path: Option<OsString>,
}

/// The reason why a server did not start.
pub(super) enum StartFailure {
    /// Processes of a crashed server still hold its shared memory; they are about to exit.
    SharedMemoryInUse(Error),
    /// Another process is listening on the port.
    PortInUse(Error),
    Other(Error),
}

impl Control {
    /// Creates the data directory; it appears only once it is complete.
    #[expect(
        clippy::disallowed_methods,
        reason = "a new folder with an unused name"
    )]
    pub(super) async fn initdb(&self, layout: &Layout, durable: bool) -> Result<()> {
        let unfinished = layout.unfinished_data();
        let mut failure = None;
        for locale in LOCALES {
            remove_dir(&unfinished)?;
            self.account.make_private_dir(&unfinished)?;
            let output = self.run_initdb(&unfinished, locale, durable).await?;
            if output.status.success() {
                return fs::rename(&unfinished, layout.data()).context(format!(
                    "cannot move the new data directory to {}",
                    layout.data().display()
                ));
            }
            let said = said(&output);
            let unknown_locale = said.contains("invalid locale");
            failure = Some(said);
            if !unknown_locale {
                break;
            }
        }
        remove_dir(&unfinished)?;
        Err(Error::failure(format!(
            "initdb could not create a PostgreSQL {} cluster in {}: {}",
            self.binaries.version,
            layout.root().display(),
            failure.unwrap_or_default()
        )))
    }

    async fn run_initdb(&self, data: &Path, locale: &str, durable: bool) -> Result<Output> {
        let program = self.binaries.program("initdb");
        let mut command = self.account.command(&program, self.path.as_deref());
        command
            .args(["--username", SUPERUSER])
            .args(["--encoding", "UTF8", "--locale", locale])
            .args(["--auth-local", "trust", "--auth-host", "scram-sha-256"])
            .arg("--no-instructions")
            .arg(if durable {
                "--data-checksums"
            } else {
                "--no-sync"
            })
            .arg("--pgdata")
            .arg(data);
        command
            .output()
            .await
            .context(format!("cannot run {}", program.display()))
    }

    /// Starts the server in a separate session and waits until it accepts connections.
    pub(super) async fn start(&self, layout: &Layout) -> Result<(), StartFailure> {
        let log = layout.log_file();
        let begin = fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let conf = layout.server_conf();
        let conf = conf.to_string_lossy();
        let program = self.binaries.program("pg_ctl");
        // The server's own output goes to the log, so these pipes close when pg_ctl ends.
        let output = self
            .account
            .command(&program, self.path.as_deref())
            .args(["start", "--wait", "--silent", "--timeout", START_TIMEOUT])
            .arg("--pgdata")
            .arg(layout.data())
            .arg("--log")
            .arg(&log)
            .arg("--options")
            .arg(format!("-c config_file={}", shell_words::quote(&conf)))
            .output()
            .await
            .context(format!("cannot run {}", program.display()))
            .map_err(StartFailure::Other)?;
        if output.status.success() {
            return Ok(());
        }
        Err(explain(&output, &log, begin))
    }
}

fn explain(output: &Output, log: &Path, begin: u64) -> StartFailure {
    let tail = log_tail(log, begin);
    let error = Error::unavailable(format!(
        "the local PostgreSQL did not start: {}",
        if tail.is_empty() {
            said(output)
        } else {
            tail.clone()
        }
    ))
    .hint(format!(
        "read its log: less {}",
        shell_words::quote(&log.to_string_lossy())
    ));
    if tail.contains("pre-existing shared memory block") {
        StartFailure::SharedMemoryInUse(error)
    } else if tail.contains("Address already in use") {
        StartFailure::PortInUse(error)
    } else {
        StartFailure::Other(error)
    }
}

/// Returns the output of a program as a single line for a message.
fn said(output: &Output) -> String {
    let text = [&output.stderr, &output.stdout]
        .map(|stream| String::from_utf8_lossy(stream).into_owned())
        .concat();
    match last_lines(&text).as_str() {
        "" => output.status.to_string(),
        lines => lines.to_owned(),
    }
}

/// Returns the last lines appended to the log since it was `begin` bytes long.
pub(super) fn log_tail(log: &Path, begin: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = fs::File::open(log)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(begin.max(end.saturating_sub(LOG_TAIL))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_or_else(
        |_| String::new(),
        |bytes| last_lines(&String::from_utf8_lossy(&bytes)),
    )
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// Shutdown mode (PostgreSQL manual, "Shutting Down the Server").
#[derive(Clone, Copy, Debug)]
pub(super) enum Shutdown {
    /// Ends the sessions and writes a checkpoint.
    Fast,
    /// Exits at once; the next start recovers.
    Immediate,
}

/// Stops the server of `data` and waits until its process has exited.
///
/// Sends a signal instead of running `pg_ctl`, so that a server can be stopped even after its
/// programs were removed.
pub(super) async fn stop(file: &PidFile, data: &Path, shutdown: Shutdown) -> Result<()> {
    let signal = match shutdown {
        Shutdown::Fast => Signal::SIGINT,
        Shutdown::Immediate => Signal::SIGQUIT,
    };
    match kill(Pid::from_raw(file.pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => {
            return Err(error).context(format!(
                "cannot stop the local PostgreSQL, process {}",
                file.pid
            ));
        }
    }
    let begun = Instant::now();
    while file.is_server_of(data) {
        if begun.elapsed() > STOP_TIMEOUT {
            return Err(Error::failure(format!(
                "the local PostgreSQL, process {}, did not stop within {} s",
                file.pid,
                STOP_TIMEOUT.as_secs()
            ))
            .hint(format!(
                "stop it without a checkpoint (the next start recovers): kill -QUIT {}",
                file.pid
            )));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_what_this_start_wrote() {
        let temp = tempfile::tempdir().unwrap();
        let log = temp.path().join("server.log");
        fs::write(&log, "earlier\n").unwrap();
        let begin = fs::metadata(&log).unwrap().len();
        assert_eq!(log_tail(&log, begin), "");
        let lines: Vec<String> = (0..40).map(|number| format!("line {number}")).collect();
        fs::write(&log, format!("earlier\n{}\n\n", lines.join("\n"))).unwrap();
        let tail = log_tail(&log, begin);
        assert!(tail.starts_with("line 28\n"), "{tail}");
        assert!(tail.ends_with("line 39"), "{tail}");
    }

    #[test]
    fn a_log_that_is_not_there_has_no_tail() {
        assert_eq!(log_tail(Path::new("/nonexistent/server.log"), 0), "");
    }
}
