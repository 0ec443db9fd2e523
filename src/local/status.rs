//! The state of a cluster, read from its files and its process.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::pidfile::PidFile;
use crate::error::{Context, Result};

/// The state of a cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalState {
    /// The data directory does not exist.
    NotCreated,
    /// The server was shut down cleanly.
    Stopped,
    /// The server is running.
    Running,
    /// The server is gone but was not shut down; `start` recovers it.
    Crashed,
}

/// The output of `local status`.
#[derive(Clone, Debug, Serialize)]
pub struct LocalStatus {
    pub state: LocalState,
    /// The folder of the cluster. For root it can differ from the requested one.
    pub data_dir: PathBuf,
    /// The major version that created the data; `local start` reports the minor version that runs
    /// it.
    pub major_version: Option<u32>,
    /// The process id of a running server.
    pub pid: Option<i32>,
    /// The loopback port of a running server, or of the last start.
    pub port: Option<u16>,
    pub socket_dir: PathBuf,
    /// URL of the Unix socket; contains no password.
    pub url: Option<String>,
    pub log_file: PathBuf,
}

/// Returns the state of the data directory `data`, and the process file of a running or crashed
/// server.
pub(super) fn observe(data: &Path) -> Result<(LocalState, Option<PidFile>)> {
    if major_version(data)?.is_none() {
        return Ok((LocalState::NotCreated, None));
    }
    Ok(match PidFile::read(data)? {
        Some(file) if file.is_server_of(data) => (LocalState::Running, Some(file)),
        Some(file) => (LocalState::Crashed, Some(file)),
        None => (LocalState::Stopped, None),
    })
}

/// Returns the major version of a data directory; `None` if it does not exist.
pub(super) fn major_version(data: &Path) -> Result<Option<u32>> {
    let path = data.join("PG_VERSION");
    let doing = || format!("cannot read {}", path.display());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().parse().context(doing())?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(doing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_are_told_apart() {
        let temp = tempfile::tempdir().unwrap();
        let data = temp.path();
        let state = || observe(data).unwrap().0;
        assert_eq!(state(), LocalState::NotCreated);

        fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(state(), LocalState::Stopped);
        assert_eq!(major_version(data).unwrap(), Some(15));

        // A living process that is not a server: this one.
        fs::write(PidFile::path(data), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(state(), LocalState::Crashed);
    }

    #[test]
    fn a_damaged_version_file_is_an_error_and_not_an_absent_cluster() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("PG_VERSION"), "?").unwrap();
        assert!(observe(temp.path()).is_err());
    }
}
