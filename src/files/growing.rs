//! Files written step by step during long work. They hold personal data or secrets.

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

/// A file that is written step by step and readable only by its owner. It starts as `NAME.ID.part`,
/// where the id is that of the work, and is renamed by [`Growing::publish`]. If dropped before
/// that, it is removed, unless [`Growing::hold`] was called.
///
/// A process that is killed leaves the `.part` file. The same work, resumed, recognizes it by its
/// id.
#[derive(Debug)]
pub struct Growing {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    existing: Existing,
    // Atomic because its writers only hold shared references.
    stays: AtomicBool,
    is_published: AtomicBool,
}

impl Growing {
    /// Creates a file. Removes the file that an earlier run of the same work left under this id.
    ///
    /// # Errors
    /// Those of [`expect_writable`], and `Conflict` for a device or a pipe.
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

    /// Resumes a published file: keeps the first `bytes`, which must begin with `head`, and
    /// truncates the rest, which belongs to a step that was never committed.
    ///
    /// # Errors
    /// `Conflict` if the file is not the one that was started, `NotFound` if it does not exist,
    /// `Failure` if it cannot be written.
    pub fn resume(path: &Path, id: Uuid, bytes: u64, head: &[u8]) -> Result<Self> {
        let file = options().open(path).map_err(|error| {
            match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ELOOP) => is_link(path),
                Some(Errno::ENOENT) => Error::not_found(format!(
                    "{}: the file written by earlier steps does not exist",
                    path.display()
                ))
                .hint("restore it at this path"),
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

    /// Prevents the truncation of an unrelated file that now has this name.
    fn require_ours(&self, bytes: u64, head: &[u8]) -> Result<()> {
        let failed = |error| cannot_write(&self.path, error);
        let length = self.file.metadata().map_err(failed)?.len();
        let mut first = vec![0; head.len()];
        let mut last = [0];
        if length < bytes {
            return Err(self.is_another(&format!(
                "it has {length} bytes, but earlier steps wrote {bytes}"
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
            "{}: not the file written by earlier steps: {why}",
            self.path.display()
        ))
        .hint("restore that file at this path; its rows were not imported")
    }

    /// Flushes the contents to disk and returns the length in bytes.
    pub fn sync(&self) -> Result<u64> {
        self.file
            .sync_data()
            .and_then(|()| self.file.metadata())
            .map(|metadata| metadata.len())
            .map_err(|error| cannot_write(&self.path, error))
    }

    /// Flushes the file and its name to disk. From here on the file is kept, even if the process is
    /// killed.
    pub fn hold(&self) -> Result<()> {
        self.file
            .sync_all()
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| cannot_write(&self.path, error))?;
        self.stays.store(true, Relaxed);
        Ok(())
    }

    /// Renames the file to its final name. If the file system supports hard links, the `.part`
    /// stays as a second name until this value is dropped, so that a later run recognizes the file
    /// if this one is killed now.
    ///
    /// # Errors
    /// `Conflict` if another file has the name by now, `Failure` if it cannot be renamed.
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

    #[expect(clippy::disallowed_methods, reason = "this module enforces the rules")]
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
            // Whether to remove it is decided in `drop`.
            let _still_there = failed.path.keep();
            error
        })
    }

    #[expect(clippy::disallowed_methods, reason = "this module enforces the rules")]
    fn replace(&self) -> Result<()> {
        fs::rename(&self.partial, &self.path).map_err(|error| cannot_write(&self.path, error))
    }

    /// Reports whether publishing would replace an existing file.
    pub fn would_replace(&self) -> bool {
        self.existing == Existing::Replace && !self.is_published() && self.path.exists()
    }

    /// Returns the current path.
    pub fn name(&self) -> &Path {
        match self.is_published() {
            true => &self.path,
            false => &self.partial,
        }
    }

    /// Reports whether the file has its final name.
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
            // It is harmless if the second name of a published file cannot be removed.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn partial_name(path: &Path, id: Uuid) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{id}.part"));
    path.with_file_name(name)
}

/// Removes the files of a run of the same work that was killed before its first step was
/// committed: the `.part`, and the published name if it is the same file.
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

#[expect(clippy::disallowed_methods, reason = "this module enforces the rules")]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        // Without O_NONBLOCK, opening a pipe of this name would block.
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    options
}

fn not_regular(path: &Path) -> Error {
    Error::conflict(format!(
        "{}: not a regular file (required for a file written in steps)",
        path.display()
    ))
    .hint("choose another name")
}

#[cfg(test)]
#[path = "growing_tests.rs"]
mod tests;
