//! All file writes of the program. The rules, which clippy enforces elsewhere
//! (`disallowed-methods`):
//!
//! 1. An existing file is an error unless the caller asked to replace it ([`Existing`]).
//! 2. A symbolic link at the path is always an error: its target may belong to another user, and a
//!    rename would replace the link. Links in the parent folders are followed.
//! 3. A file is written completely under a temporary name in the same folder before it is renamed.
//!    A file created at the path in the meantime is not replaced either.
//! 4. Files with secrets or personal data have mode 0600 from the first byte ([`Readers`]).

mod growing;
mod lock;
mod write;

pub use growing::Growing;
pub use lock::open_lock;
pub use write::{expect_writable, is_stdout, make_private_folder, write};

use std::path::Path;

use crate::error::Error;

/// Policy for a file that already exists.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Existing {
    /// Fails with `Conflict`.
    #[default]
    Refuse,
    /// Replaces the file: with `--overwrite`, or because the program owns the file.
    Replace,
}

impl Existing {
    /// Converts the flag `--overwrite`.
    pub fn of_flag(overwrite: bool) -> Self {
        match overwrite {
            true => Self::Replace,
            false => Self::Refuse,
        }
    }
}

/// The accounts that may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readers {
    /// Only the owner: mode 0600.
    Owner,
    /// Determined by the umask. A file that is replaced keeps its mode.
    Usual,
    /// All accounts on this machine: mode 0644.
    Everyone,
}

fn exists(path: &Path) -> Error {
    Error::conflict(format!("{}: file already exists", path.display()))
        .hint("choose another name, or replace it with --overwrite")
}

fn is_link(path: &Path) -> Error {
    let error = Error::conflict(format!(
        "{}: is a symbolic link; files are not written through symbolic links",
        path.display()
    ));
    match path.canonicalize() {
        Ok(real) => error.hint(format!("name the file itself: {}", real.display())),
        Err(_) => error.hint("choose another name"),
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    Error::failure(format!("cannot write {}", path.display())).because(error)
}

/// Returns the parent folder of a file.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Flushes a folder, which makes the names in it durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder_of(path))?.sync_all()
}
