//! `postmaster.pid`, and the check that the process it names is the server of that data directory.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::error::{Context, Result};

/// The relevant lines of `postmaster.pid` (`src/include/utils/pidfile.h`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    pub(super) port: Option<u16>,
    pub(super) socket_dir: Option<PathBuf>,
}

impl PidFile {
    /// Reads the file of a data directory; `None` if it does not exist, that is, if the server was
    /// shut down cleanly.
    pub(super) fn read(data: &Path) -> Result<Option<Self>> {
        let path = Self::path(data);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format!("cannot read {}", path.display())),
        }
    }

    pub(super) fn path(data: &Path) -> PathBuf {
        data.join("postmaster.pid")
    }

    /// Returns `None` for a file that the server has created but not yet written.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let pid: i32 = lines.next()?.parse().ok()?;
        // A stand-alone backend writes its own process id, negated.
        let pid = pid.checked_abs().filter(|pid| *pid > 1)?;
        let port = lines.nth(2).and_then(|line| line.parse().ok());
        let socket_dir = lines.next().filter(|line| !line.is_empty());
        Some(Self {
            pid,
            port,
            socket_dir: socket_dir.map(PathBuf::from),
        })
    }

    /// Reports whether the process is alive and is the server of `data`, rather than one that has
    /// reused the id of a dead server, or a dead one that was not yet reaped.
    pub(super) fn is_server_of(&self, data: &Path) -> bool {
        if !self.process_exists() {
            return false;
        }
        match fs::read_link(format!("/proc/{}/cwd", self.pid)) {
            Ok(folder) => fs::canonicalize(data).is_ok_and(|data| data == folder),
            // No /proc, or a process that we may not inspect: try the socket.
            Err(_) => self.socket_answers(),
        }
    }

    /// Reports whether any process has this number, which is all that PostgreSQL checks.
    pub(super) fn process_exists(&self) -> bool {
        !matches!(kill(Pid::from_raw(self.pid), None), Err(Errno::ESRCH))
    }

    fn socket_answers(&self) -> bool {
        let (Some(folder), Some(port)) = (&self.socket_dir, self.port) else {
            return false;
        };
        UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "4711\n/srv/local/data\n1756000000\n5433\n/srv/local/run\n127.0.0.1\n  5433001         3\nready   \n";

    #[test]
    fn the_lines_are_found() {
        assert_eq!(
            PidFile::parse(FILE),
            Some(PidFile {
                pid: 4711,
                port: Some(5433),
                socket_dir: Some("/srv/local/run".into()),
            })
        );
    }

    #[test]
    fn a_file_just_created_names_no_process() {
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("garbage\n"), None);
        // Signals to 0 and 1 would reach our own process group or init.
        assert_eq!(PidFile::parse("0\n"), None);
        assert_eq!(PidFile::parse("1\n"), None);
    }

    #[test]
    fn a_short_file_has_a_process_and_no_port() {
        let file = PidFile::parse("4711\n/srv/local/data\n").unwrap();
        assert_eq!((file.port, file.socket_dir), (None, None));
    }

    #[test]
    fn a_living_process_that_is_no_server_of_this_data_is_told_apart() {
        let temp = tempfile::tempdir().unwrap();
        let file = PidFile {
            pid: i32::try_from(std::process::id()).unwrap(),
            port: Some(5433),
            socket_dir: Some(temp.path().to_owned()),
        };
        assert!(file.process_exists());
        assert!(!file.is_server_of(temp.path()));
    }

    #[test]
    fn no_file_is_no_server() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(PidFile::read(temp.path()).unwrap(), None);
    }
}
