//! What there is of a cluster, from its files and its process.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::pidfile::PidFile;
use crate::error::{Context, Result};

/// Whether there is a cluster, and whether it runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalState {
    /// There is no data directory.
    NotCreated,
    /// The server was stopped in order.
    Stopped,
    /// The server runs.
    Running,
    /// The server is gone and was not stopped; `start` recovers it.
    Crashed,
}

/// What `local status` shows.
#[derive(Clone, Debug, Serialize)]
pub struct LocalStatus {
    pub state: LocalState,
    /// The folder of the cluster. For root it can differ from the one asked for.
    pub data_dir: PathBuf,
    /// The major version that made the data; which minor one runs it, `local start` says.
    pub major_version: Option<u32>,
    /// The process id of a running server.
    pub pid: Option<i32>,
    /// The port of the loopback listener, of a running server or of the last start.
    pub port: Option<u16>,
    pub socket_dir: PathBuf,
    /// How to connect through the Unix socket; there is no password in it.
    pub url: Option<String>,
    pub log_file: PathBuf,
}

/// The state of the data directory `data`, and the process file of a server that runs or crashed.
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

/// The major version of a data directory; `None` when there is no such directory.
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

        // A living process that is no server: ourselves.
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
