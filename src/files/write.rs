//! Files that are written in a single step.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::Path,
};

use nix::fcntl::OFlag;

use super::{Existing, Readers, cannot_write, exists, folder_of, is_link, sync_folder};
use crate::error::{Error, Result};

/// Reports whether the name is standard output: `-`, or one of the system's names for it. The
/// printer writes to standard output itself; opening one of these names would overwrite a
/// redirected file from its start.
pub fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .iter()
        .any(|name| path == Path::new(name))
}

/// Checks early, before a long piece of work, whether [`write()`] would fail.
///
/// # Errors
/// `Conflict` for an existing file or a symbolic link, `BadInput` for a folder, `NotFound` if the
/// parent folder does not exist.
pub fn expect_writable(path: &Path, existing: Existing) -> Result<()> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(
            Error::not_found(format!("{}: folder does not exist", folder.display())).hint(format!(
                "mkdir -p {}",
                shell_words::quote(&folder.to_string_lossy())
            )),
        );
    }
    place(path, existing).map(|_| ())
}

/// Writes a file atomically. A character device or a pipe is written to directly: it
/// has no contents to lose and must not be replaced.
///
/// # Errors
/// Those of [`expect_writable`]; `Failure` if it cannot be written.
pub fn write(path: &Path, contents: &[u8], existing: Existing, readers: Readers) -> Result<()> {
    match place(path, existing)? {
        Place::Stream => write_to_stream(path, contents).map_err(|error| cannot_write(path, error)),
        Place::Nothing => persist(path, contents, existing, mode(readers, None)),
        Place::File(old) => persist(path, contents, existing, mode(readers, Some(old))),
    }
}

/// Creates a folder for private files, with its parents, if it does not exist.
pub fn make_private_folder(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| {
            Error::failure(format!("cannot create the folder {}", folder.display())).because(error)
        })
}

/// The kind of an existing path.
pub(super) enum Place {
    Nothing,
    /// A regular file that may be replaced, with this mode.
    File(u32),
    /// A device or a pipe.
    Stream,
}

/// Checks what exists at the path.
pub(super) fn place(path: &Path, existing: Existing) -> Result<Place> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::Nothing),
        Err(error) => return Err(cannot_write(path, error)),
    };
    let kind = found.file_type();
    if kind.is_symlink() {
        // `/dev/fd/63` of a shell's `>(command)` is a link to a pipe of this process.
        return match is_own_descriptor(path) && is_stream(path) {
            true => Ok(Place::Stream),
            false => Err(is_link(path)),
        };
    }
    if kind.is_dir() {
        return Err(Error::bad_input(format!("{}: is a folder", path.display())));
    }
    if kind.is_char_device() || kind.is_fifo() {
        return Ok(Place::Stream);
    }
    if !kind.is_file() {
        return Err(Error::bad_input(format!(
            "{}: not a file, a pipe, or a character device",
            path.display()
        )));
    }
    match existing {
        Existing::Refuse => Err(exists(path)),
        Existing::Replace => Ok(Place::File(found.permissions().mode() & 0o777)),
    }
}

fn is_own_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stderr")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| {
        let kind = found.file_type();
        kind.is_fifo() || kind.is_char_device()
    })
}

#[expect(clippy::disallowed_methods, reason = "this module enforces the rules")]
fn write_to_stream(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if !is_own_descriptor(path) {
        options.custom_flags(OFlag::O_NOFOLLOW.bits());
    }
    let mut stream = options.open(path)?;
    // A file may have taken the name between the check and the opening.
    let kind = stream.metadata()?.file_type();
    if !(kind.is_fifo() || kind.is_char_device()) {
        return Err(io::Error::other("no longer a pipe or a device"));
    }
    stream.write_all(contents)?;
    stream.flush()
}

/// Returns the mode to create a file with, and whether the umask applies to it.
fn mode(readers: Readers, old: Option<u32>) -> Mode {
    match (readers, old) {
        (Readers::Owner, _) => Mode::Exactly(0o600),
        (Readers::Everyone, _) => Mode::Exactly(0o644),
        (Readers::Usual, Some(old)) => Mode::Exactly(old),
        (Readers::Usual, None) => Mode::Umask,
    }
}

enum Mode {
    Exactly(u32),
    Umask,
}

#[expect(clippy::disallowed_methods, reason = "this module enforces the rules")]
fn persist(path: &Path, contents: &[u8], existing: Existing, mode: Mode) -> Result<()> {
    let failed = |error| cannot_write(path, error);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tenantctl-");
    if let Mode::Umask = mode {
        builder.permissions(Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder_of(path)).map_err(failed)?;
    let fill = |file: &mut File| {
        file.write_all(contents)?;
        if let Mode::Exactly(mode) = mode {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.sync_all()
    };
    fill(file.as_file_mut()).map_err(failed)?;
    let persisted = match existing {
        Existing::Refuse => file.persist_noclobber(path),
        Existing::Replace => file.persist(path),
    };
    match persisted {
        Ok(_) => sync_folder(path).map_err(failed),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(error) => Err(failed(error.error)),
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
