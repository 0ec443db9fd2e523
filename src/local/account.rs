//! The account that runs the server: the caller's own. If the caller is root, an unprivileged one,
//! because PostgreSQL refuses to run as root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;
use std::process::Stdio;

use nix::unistd::{User, getegid, geteuid};
use tokio::process::Command;

use crate::error::{Context, Error, Result};

/// Accounts that run the server for root, in order of preference.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The `PATH` of child processes if the caller has none.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// The account that runs the server and owns its data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    /// `true` if the caller is root and child processes have to switch to this account.
    switch: bool,
}

impl Account {
    /// Returns the caller, or for root the owner of an existing `data` directory, else `postgres`,
    /// else `nobody`.
    pub(super) fn for_server(data: &Path) -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self {
                uid: geteuid().as_raw(),
                gid: getegid().as_raw(),
                switch: false,
            });
        }
        if let Ok(metadata) = fs::symlink_metadata(data)
            && metadata.uid() != 0
        {
            return Ok(Self::switched(metadata.uid(), metadata.gid()));
        }
        for name in UNPRIVILEGED {
            let user = User::from_name(name).context(format!("cannot look up the user {name}"))?;
            if let Some(user) = user {
                return Ok(Self::switched(user.uid.as_raw(), user.gid.as_raw()));
            }
        }
        Err(Error::failure(format!(
            "PostgreSQL refuses to run as root, and none of these users exists: {}",
            UNPRIVILEGED.join(", ")
        ))
        .hint("useradd --system --no-create-home postgres")
        .hint("or run tenantctl as an ordinary user"))
    }

    fn switched(uid: u32, gid: u32) -> Self {
        Self {
            uid,
            gid,
            switch: true,
        }
    }

    /// Reports whether the server runs as another user than the caller.
    pub(super) fn differs_from_caller(&self) -> bool {
        self.switch
    }

    /// Builds a command that runs as this account, in `/`. Of the caller's environment it gets only
    /// `path`, so that no PG* variable changes its behavior and no secret ends up in the
    /// environment of a server that outlives this process.
    pub(super) fn command(&self, program: impl AsRef<OsStr>, path: Option<&OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", path.unwrap_or(OsStr::new(DEFAULT_PATH)))
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Creates the folder `path`, private to this account, or adopts an existing private one.
    ///
    /// The parent may be writable by other users, such as `/tmp`, so a symbolic link or a folder of
    /// another user is an error.
    pub(super) fn make_private_dir(&self, path: &Path) -> Result<()> {
        let doing = || format!("cannot create the folder {}", path.display());
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return self.verify_private_dir(path);
            }
            Err(error) => return Err(error).context(doing()),
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).context(doing())?;
        if self.switch {
            lchown(path, Some(self.uid), Some(self.gid)).context(doing())?;
        }
        Ok(())
    }

    /// Fails unless the folder belongs to this account and is closed to all others.
    pub(super) fn verify_private_dir(&self, path: &Path) -> Result<()> {
        let metadata = fs::symlink_metadata(path)
            .context(format!("cannot inspect the folder {}", path.display()))?;
        let problem = if !metadata.is_dir() {
            "it is not a folder".to_owned()
        } else if metadata.uid() != self.uid {
            format!("it belongs to user id {}, not {}", metadata.uid(), self.uid)
        } else if metadata.mode() & 0o077 != 0 {
            format!("its mode is {:04o}, not 0700", metadata.mode() & 0o7777)
        } else {
            return Ok(());
        };
        Err(Error::refused(format!(
            "the folder {} is not safe to use: {problem}",
            path.display()
        ))
        .hint(format!("inspect and remove it: ls -ld {}", path.display())))
    }

    /// Reports whether this account can reach `path`: every existing parent folder must be
    /// searchable. Checks the mode bits only.
    pub(super) fn can_traverse(&self, path: &Path) -> bool {
        path.ancestors()
            .filter_map(|folder| fs::metadata(folder).ok())
            .all(|metadata| {
                let execute = if metadata.uid() == self.uid {
                    0o100
                } else if metadata.gid() == self.gid {
                    0o010
                } else {
                    0o001
                };
                metadata.mode() & execute != 0
            })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn caller() -> Account {
        Account {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            switch: false,
        }
    }

    fn stranger() -> Account {
        Account {
            uid: 54321,
            gid: 54321,
            switch: false,
        }
    }

    #[test]
    fn a_private_folder_is_made_once_and_adopted_after() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("run");
        caller().make_private_dir(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        caller().make_private_dir(&path).unwrap();
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let target = temp.path().join("target");
        caller().make_private_dir(&target).unwrap();
        let link = temp.path().join("link");
        symlink(&target, &link).unwrap();
        let error = caller().make_private_dir(&link).unwrap_err();
        assert!(error.to_string().contains("not a folder"), "{error}");
    }

    #[test]
    fn a_folder_of_somebody_else_or_open_to_others_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("run");
        caller().make_private_dir(&path).unwrap();
        let error = stranger().verify_private_dir(&path).unwrap_err();
        assert!(error.to_string().contains("belongs to user id"), "{error}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        let error = caller().verify_private_dir(&path).unwrap_err();
        assert!(error.to_string().contains("0750"), "{error}");
    }

    #[test]
    fn a_closed_folder_on_the_way_cannot_be_traversed() {
        let temp = tempfile::tempdir_in("/tmp").unwrap();
        let inner = temp.path().join("not/made/yet");
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(caller().can_traverse(&inner));
        assert!(!stranger().can_traverse(&inner));
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert!(stranger().can_traverse(&inner));
    }

    #[tokio::test]
    async fn a_child_gets_nothing_of_our_environment() {
        let output = caller()
            .command("/usr/bin/env", Some(OsStr::new("/bin")))
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["LC_ALL=C", "PATH=/bin"]);
    }
}
