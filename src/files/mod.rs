//! Every file that the program writes. The rules, which clippy keeps out of reach elsewhere
//! (`disallowed-methods`):
//!
//! 1. An existing file is refused, unless the caller was told to replace it ([`Existing`]).
//! 2. A symbolic link in the place of the file is refused in any case: what it points to may belong
//!    to another, and a rename would replace the link. Links in the folders above it are followed.
//! 3. A file appears whole, under a temporary name in the same folder first, and a file that came
//!    to exist meanwhile is not replaced either.
//! 4. What holds secrets or personal data is 0600 from its first byte ([`Readers`]).

mod growing;
mod lock;
mod write;

pub use growing::Growing;
pub use lock::open_lock;
pub use write::{expect_writable, is_stdout, make_private_folder, write};

use std::path::Path;

use crate::error::Error;

/// The decision about a file that exists.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Existing {
    /// It is a conflict.
    #[default]
    Refuse,
    /// It is replaced: by `--overwrite`, or because the file is the program's own.
    Replace,
}

impl Existing {
    /// As `--overwrite` says.
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
    /// Its owner alone: mode 0600.
    Owner,
    /// As the umask has it. A file that is replaced keeps its mode.
    Usual,
    /// All accounts of this machine: mode 0644.
    Everyone,
}

fn exists(path: &Path) -> Error {
    Error::conflict(format!("{}: the file exists", path.display()))
        .hint("choose another name, or replace it with --overwrite")
}

fn is_link(path: &Path) -> Error {
    let error = Error::conflict(format!(
        "{}: is a symbolic link, and files are not written through one",
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

/// The folder of a file.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A name is on the disk when its folder is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder_of(path))?.sync_all()
}
