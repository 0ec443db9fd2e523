//! Creating and removing the folders and files around a data directory.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::account::Account;
use super::layout::Layout;
use super::pidfile::PidFile;
use crate::error::{Context, Result};
use crate::files::{self, Existing, Readers};

/// Creates the folder of the cluster and its parents so that the server's account can traverse
/// them. Existing folders are left unchanged.
pub(super) fn make_root(root: &Path, account: &Account) -> Result<()> {
    let missing: Vec<&Path> = root.ancestors().take_while(|it| !it.exists()).collect();
    for folder in missing.into_iter().rev() {
        let doing = || format!("cannot create the folder {}", folder.display());
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            result => result.context(doing())?,
        }
        let mode = match (account.differs_from_caller(), folder == root) {
            (true, _) => 0o711,
            (false, true) => 0o700,
            (false, false) => continue,
        };
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).context(doing())?;
    }
    Ok(())
}

/// Removes the files of a cluster, and its folder if it is then empty.
#[expect(
    clippy::disallowed_methods,
    reason = "the cluster's own folder, being removed"
)]
pub(super) fn remove(layout: &Layout, account: &Account) -> Result<()> {
    if layout.socket_dir().exists() {
        account.verify_private_dir(&layout.socket_dir())?;
    }
    // Renamed first, so that an interrupted removal leaves no partial cluster.
    remove_dir(&layout.unfinished_data())?;
    fs::rename(layout.data(), layout.unfinished_data())
        .context(format!("cannot remove {}", layout.data().display()))?;
    for folder in [
        layout.unfinished_data(),
        layout.log_dir(),
        layout.socket_dir(),
    ] {
        remove_dir(&folder)?;
    }
    // The lock is last: a waiting process starts over once it is gone.
    let files = [
        layout.server_conf(),
        layout.hba(),
        layout.pgpass(),
        layout.port(),
        layout.lock(),
    ];
    for file in files {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context(format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    match fs::remove_dir(layout.root()) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(error).context(format!("cannot remove {}", layout.root().display()))
        }
        _ => Ok(()),
    }
}

/// Removes a folder with its contents; succeeds if it does not exist.
pub(super) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).context(format!("cannot remove the folder {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a process file that would make PostgreSQL refuse to start although its server is gone:
/// because its number now belongs to another process or to a dead one that was not reaped, or
/// because it is empty. A file that names no process is left to PostgreSQL, which checks more.
pub(super) fn remove_misleading_pid_file(data: &Path) -> Result<()> {
    let path = PidFile::path(data);
    let misleads = match PidFile::read(data)? {
        Some(file) => file.process_exists() && !file.is_server_of(data),
        None => path.exists(),
    };
    if misleads {
        fs::remove_file(&path).context(format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Empties the folder of the socket. Only this cluster's server, which is not running, writes to
/// it; a stale socket lock file misleads in the same ways as the process file.
pub(super) fn remove_stale_sockets(folder: &Path) -> Result<()> {
    let remove = || -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    };
    remove().context(format!("cannot empty the folder {}", folder.display()))
}

/// Writes a whole file readable by all: the server may run as another account.
pub(super) fn write_readable(path: &Path, text: &str) -> Result<()> {
    files::write(path, text.as_bytes(), Existing::Replace, Readers::Everyone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_file_that_names_a_living_stranger_is_removed() {
        let temp = tempfile::tempdir().unwrap();
        let path = PidFile::path(temp.path());
        fs::write(&path, format!("{}\n", std::process::id())).unwrap();
        remove_misleading_pid_file(temp.path()).unwrap();
        assert!(!path.exists());

        fs::write(&path, "").unwrap();
        remove_misleading_pid_file(temp.path()).unwrap();
        assert!(!path.exists());
        remove_misleading_pid_file(temp.path()).unwrap();
    }
}
