//! Lock files, which have no contents.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nix::fcntl::OFlag;

/// Opens a lock file and creates it if it does not exist; existing contents are kept.
///
/// # Errors
/// Any error of the system, including that for a symbolic link.
#[expect(clippy::disallowed_methods, reason = "this module enforces the rules")]
pub fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}
