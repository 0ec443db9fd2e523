//! Files that are locked and hold nothing.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nix::fcntl::OFlag;

/// Opens a file to be locked, and creates it where there is none; its contents are left alone.
///
/// # Errors
/// As the system says; a symbolic link is one.
#[expect(clippy::disallowed_methods, reason = "the rules are kept here")]
pub fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}
