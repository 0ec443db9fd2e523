//! Files that grow while a long piece of work goes on, and hold personal data or secrets.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use nix::{errno::Errno, fcntl::OFlag};
use tempfile::TempPath;
use uuid::Uuid;

use super::{Existing, cannot_write, exists, expect_writable, is_link, sync_folder};
use crate::error::{Error, Result};

/// A file that is written bit by bit, for its owner alone. It begins as `NAME.ID.part`, where the id
/// is that of the work, and gets its name by [`Growing::publish`]. Dropped before, it goes, unless
/// [`Growing::hold`] was called.
///
/// A process that is killed leaves the `.part`. The same work, resumed, knows it by its id.
#[derive(Debug)]
pub struct Growing {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    existing: Existing,
    // Atomic, for writers around it lend it shared only.
    stays: AtomicBool,
    is_published: AtomicBool,
}

impl Growing {
    /// Begins a file. What an earlier run of the same work left under this id is removed.
    ///
    /// # Errors
    /// As [`expect_writable`], and `Conflict` for a device or a pipe; `Failure` when it cannot be
    /// written.
    pub fn begin(path: &Path, id: Uuid, existing: Existing) -> Result<Self> {
        let partial = partial_name(path, id);
        withdraw(path, &partial);
        expect_writable(path, existing)?;
        if path.exists() && !path.is_file() {
            return Err(not_regular(path));
        }
        let file = options()
            .create_new(true)
            .open(&partial)
            .map_err(|error| cannot_write(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            partial,
            file,
            existing,
            stays: AtomicBool::new(false),
            is_published: AtomicBool::new(false),
        })
    }

    /// Continues a published file of which the first `bytes` count, and which begins with `head`.
    /// What follows them is of a step that was never committed, and is cut off.
    ///
    /// # Errors
    /// `Conflict` where the file is not the one that was begun, `NotFound` where there is none,
    /// `Failure` where it cannot be written.
    pub fn resume(path: &Path, id: Uuid, bytes: u64, head: &[u8]) -> Result<Self> {
        let file = options().open(path).map_err(|error| {
            match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ELOOP) => is_link(path),
                Some(Errno::ENOENT) => Error::not_found(format!(
                    "{}: the file that earlier steps wrote does not exist",
                    path.display()
                ))
                .hint("put it back in its place"),
                _ => cannot_write(path, error),
            }
        })?;
        if !file
            .metadata()
            .map_err(|error| cannot_write(path, error))?
            .is_file()
        {
            return Err(not_regular(path));
        }
        let mut resumed = Self {
            path: path.to_owned(),
            partial: partial_name(path, id),
            file,
            existing: Existing::Refuse,
            stays: AtomicBool::new(false),
            is_published: AtomicBool::new(true),
        };
        resumed.require_ours(bytes, head)?;
        resumed
            .file
            .set_len(bytes)
            .and_then(|()| resumed.file.seek(SeekFrom::End(0)))
            .map_err(|error| cannot_write(path, error))?;
        Ok(resumed)
    }

    /// Nothing is cut off another file that has taken the name.
    fn require_ours(&self, bytes: u64, head: &[u8]) -> Result<()> {
        let failed = |error| cannot_write(&self.path, error);
        let length = self.file.metadata().map_err(failed)?.len();
        let mut first = vec![0; head.len()];
        let mut last = [0];
        if length < bytes {
            return Err(self.is_another(&format!(
                "it has {length} bytes, and earlier steps wrote {bytes}"
            )));
        }
        if bytes < head.len() as u64 || bytes == 0 {
            return Err(self.is_another("it has no header"));
        }
        self.file.read_exact_at(&mut first, 0).map_err(failed)?;
        self.file
            .read_exact_at(&mut last, bytes - 1)
            .map_err(failed)?;
        match first == head && last == *b"\n" {
            true => Ok(()),
            false => Err(self.is_another("its contents differ")),
        }
    }

    fn is_another(&self, why: &str) -> Error {
        Error::conflict(format!(
            "{}: is not the file that earlier steps wrote: {why}",
            self.path.display()
        ))
        .hint("put that file back in its place; the rows in it were not imported")
    }

    /// Puts what was written on the disk, and returns its length in bytes.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub fn sync(&self) -> Result<u64> {
        self.file
            .sync_data()
            .and_then(|()| self.file.metadata())
            .map(|metadata| metadata.len())
            .map_err(|error| cannot_write(&self.path, error))
    }

    /// Puts file and name on the disk. From here on the file stays, whatever becomes of the process.
    ///
    /// # Errors
    /// `Failure` where it cannot be written.
    pub fn hold(&self) -> Result<()> {
        self.file
            .sync_all()
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| cannot_write(&self.path, error))?;
        self.stays.store(true, Relaxed);
        Ok(())
    }

    /// Gives the file its name. Where the file system has hard links, the `.part` stays as a second
    /// name until this value is dropped, so that a run that is killed now recognizes it.
    ///
    /// # Errors
    /// `Conflict` where another file has the name by now, `Failure` where it cannot be named.
    pub fn publish(&self) -> Result<()> {
        if self.is_published() {
            return Ok(());
        }
        match self.existing {
            Existing::Refuse => self.name_anew()?,
            Existing::Replace => {
                expect_writable(&self.path, self.existing)?;
                self.replace()?;
            }
        }
        self.is_published.store(true, Relaxed);
        sync_folder(&self.path).map_err(|error| cannot_write(&self.path, error))
    }

    #[expect(clippy::disallowed_methods, reason = "the rules are kept here")]
    fn name_anew(&self) -> Result<()> {
        match fs::hard_link(&self.partial, &self.path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(exists(&self.path));
            }
            Err(_) => {}
        }
        let renamed = TempPath::try_from_path(&self.partial)
            .map_err(|error| cannot_write(&self.path, error))?
            .persist_noclobber(&self.path);
        renamed.map_err(|failed| {
            let error = match failed.error.kind() {
                io::ErrorKind::AlreadyExists => exists(&self.path),
                _ => cannot_write(&self.path, failed.error),
            };
            // Removing it is for `drop` to decide.
            let _still_there = failed.path.keep();
            error
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the rules are kept here")]
    fn replace(&self) -> Result<()> {
        fs::rename(&self.partial, &self.path).map_err(|error| cannot_write(&self.path, error))
    }

    /// Whether a file has the name that was to be replaced.
    pub fn would_replace(&self) -> bool {
        self.existing == Existing::Replace && !self.is_published() && self.path.exists()
    }

    /// The name that it has now.
    pub fn name(&self) -> &Path {
        match self.is_published() {
            true => &self.path,
            false => &self.partial,
        }
    }

    /// Whether it has the name that was asked for.
    pub fn is_published(&self) -> bool {
        self.is_published.load(Relaxed)
    }
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if self.is_published() || !self.stays.load(Relaxed) {
            // A second name of a published file does no harm where it cannot be removed.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn partial_name(path: &Path, id: Uuid) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{id}.part"));
    path.with_file_name(name)
}

/// Removes what a run of the same work left when it was killed before its first step was committed:
/// the `.part`, and the published name where that is the same file.
fn withdraw(path: &Path, partial: &Path) {
    let Ok(left) = fs::symlink_metadata(partial) else {
        return;
    };
    let is_same = fs::symlink_metadata(path)
        .is_ok_and(|named| (named.dev(), named.ino()) == (left.dev(), left.ino()));
    if is_same {
        let _ = fs::remove_file(path);
    }
    let _ = fs::remove_file(partial);
}

#[expect(clippy::disallowed_methods, reason = "the rules are kept here")]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        // A pipe in the place of the file would block the opening.
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    options
}

fn not_regular(path: &Path) -> Error {
    Error::conflict(format!(
        "{}: is not a regular file, and this file is written in steps",
        path.display()
    ))
    .hint("choose another name")
}

#[cfg(test)]
#[path = "growing_tests.rs"]
mod tests;
