//! The paths of a cluster's files.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use crate::error::{Error, Result};

/// The longest path of a Unix socket: `sun_path` has 104 bytes on macOS and 108 on Linux, including
/// the terminating NUL.
const LONGEST_SOCKET_PATH: usize = 103;

/// The longest name that PostgreSQL uses for a socket.
const LONGEST_SOCKET_NAME: &str = ".s.PGSQL.65535";

/// Parent of root's clusters if the server's account cannot reach the requested folder.
const SYSTEM_FOLDER: &str = "/var/lib/tenantctl";

/// Folder of the socket if the cluster's own path is too long. Not the temporary folder of the
/// environment, because every invocation has to find the same socket.
const SHORT_FOLDER: &str = "/tmp";

/// The folder of one cluster.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Returns the layout for the requested folder; for root, one that the server's account can
    /// reach.
    pub(super) fn resolve(asked: &Path) -> Self {
        let asked = std::path::absolute(asked).unwrap_or_else(|_| asked.to_owned());
        let root = match Account::for_server(&asked.join("data")) {
            Ok(account) if account.differs_from_caller() && !account.can_traverse(&asked) => {
                system_folder(&asked)
            }
            // Without an account the start fails with an error, regardless of the folder.
            _ => asked,
        };
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Returns the path of a data directory during its creation or removal: [`Layout::data`] is
    /// always complete.
    pub(super) fn unfinished_data(&self) -> PathBuf {
        self.root.join("data.unfinished")
    }

    pub(super) fn log_dir(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.log_dir().join("server.log")
    }

    pub(super) fn server_conf(&self) -> PathBuf {
        self.root.join("server.conf")
    }

    pub(super) fn hba(&self) -> PathBuf {
        self.root.join("pg_hba.conf")
    }

    pub(super) fn pgpass(&self) -> PathBuf {
        self.root.join("pgpass")
    }

    pub(super) fn port(&self) -> PathBuf {
        self.root.join("port")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Returns the folder of downloaded server programs, shared by all clusters beside this one.
    pub(super) fn binaries(&self) -> PathBuf {
        self.root.parent().unwrap_or(&self.root).join("binaries")
    }

    /// Returns the folder of the Unix socket.
    pub(super) fn socket_dir(&self) -> PathBuf {
        let own = self.root.join("run");
        let length = own.join(LONGEST_SOCKET_NAME).as_os_str().len();
        // unix_socket_directories is a list, separated by commas.
        let separable = own.as_os_str().as_bytes().contains(&b',');
        if length <= LONGEST_SOCKET_PATH && !separable {
            own
        } else {
            Path::new(SHORT_FOLDER).join(format!("tenantctl-{}", short_hash(&self.root)))
        }
    }

    /// Fails for a folder name that a shell would expand when `pg_ctl` passes it on, or that a
    /// configuration file cannot represent.
    pub(super) fn check_name(&self) -> Result<()> {
        let unusable = |character: &char| {
            character.is_control() || matches!(character, '"' | '$' | '`' | '\\')
        };
        let Some(text) = self.root.to_str() else {
            return Err(Error::usage(format!(
                "the folder {} of the local PostgreSQL is not valid UTF-8",
                self.root.display()
            ))
            .hint("set another folder in the configuration: [local] data_dir"));
        };
        match text.chars().find(unusable) {
            None => Ok(()),
            Some(character) => Err(Error::usage(format!(
                "the folder {text:?} of the local PostgreSQL contains {character:?}, which pg_ctl does not support"
            ))
            .hint("set another folder in the configuration: [local] data_dir")),
        }
    }
}

/// Returns the path of root's cluster if the server cannot enter the requested folder.
fn system_folder(asked: &Path) -> PathBuf {
    let name = asked
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or("cluster");
    Path::new(SYSTEM_FOLDER).join(format!("{name}-{}", short_hash(asked)))
}

/// Returns 64 bits of the SHA-256 of a path, in hexadecimal.
fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(root: &str) -> Layout {
        Layout { root: root.into() }
    }

    #[test]
    fn the_socket_lies_in_the_folder_where_its_path_fits() {
        let layout = layout("/home/ada/.local/share/tenantctl/local");
        assert_eq!(layout.socket_dir(), layout.root().join("run"));
    }

    #[test]
    fn a_socket_path_always_fits_and_is_stable() {
        let long = layout(&format!("/home/{}/local", "x".repeat(90)));
        assert!(long.socket_dir().starts_with("/tmp"));
        assert!(
            long.socket_dir()
                .join(LONGEST_SOCKET_NAME)
                .as_os_str()
                .len()
                <= LONGEST_SOCKET_PATH
        );
        assert_eq!(long.socket_dir(), long.clone().socket_dir());
        let other = layout(&format!("/home/{}/local", "y".repeat(90)));
        assert_ne!(long.socket_dir(), other.socket_dir());
    }

    #[test]
    fn the_limit_is_exact() {
        let fixed = "/".len() + "/run/".len() + LONGEST_SOCKET_NAME.len();
        let fits = layout(&format!("/{}", "x".repeat(LONGEST_SOCKET_PATH - fixed)));
        assert_eq!(fits.socket_dir(), fits.root().join("run"));
        let too_long = layout(&format!("/{}", "x".repeat(LONGEST_SOCKET_PATH - fixed + 1)));
        assert!(too_long.socket_dir().starts_with("/tmp"));
    }

    #[test]
    fn a_comma_would_split_the_list_of_socket_folders() {
        assert!(layout("/srv/a,b").socket_dir().starts_with("/tmp"));
    }

    #[test]
    fn names_that_a_shell_would_expand_are_refused() {
        for root in [
            "/srv/$HOME",
            "/srv/a\"b",
            "/srv/`id`",
            "/srv/a\\b",
            "/srv/a\nb",
        ] {
            assert!(layout(root).check_name().is_err(), "{root:?}");
        }
        layout("/srv/Application Support/it's ünïcode")
            .check_name()
            .unwrap();
    }

    #[test]
    fn clusters_of_root_with_one_name_do_not_share_a_folder() {
        let one = system_folder(Path::new("/root/.local/share/tenantctl/local"));
        let two = system_folder(Path::new("/root/work/local"));
        assert_ne!(one, two);
        assert!(one.starts_with(SYSTEM_FOLDER));
    }
}
