//! The lock that prevents two invocations from starting or stopping a cluster at the same time.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::error::{Context, Result};
use crate::files;

/// Interval of the attempts to get a lock held by another process. Polled instead of a blocking
/// wait, so that Ctrl-C works.
const RETRY: Duration = Duration::from_millis(50);

/// An exclusive lock, released when dropped or when the process ends, for whatever reason.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock `path`, and calls `waiting` once if another process holds it.
    ///
    /// Calls `folder_ready` before each attempt, since the previous holder may have removed the
    /// folder: it creates the folder again, or fails.
    pub(super) async fn acquire(
        path: &Path,
        folder_ready: impl Fn() -> Result<()>,
        waiting: impl FnOnce(),
    ) -> Result<Self> {
        let mut waiting = Some(waiting);
        loop {
            folder_ready()?;
            let file = open(path)?;
            match file.try_lock() {
                // Otherwise this is the lock of a removed file, which no other process will open.
                Ok(()) if is_still_at(&file, path) => return Ok(Self { _file: file }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    tokio::time::sleep(RETRY).await;
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).context(format!("cannot lock {}", path.display()));
                }
            }
        }
    }
}

fn open(path: &Path) -> Result<File> {
    files::open_lock(path).context(format!("cannot open the lock file {}", path.display()))
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(found)) => held.dev() == found.dev() && held.ino() == found.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("lock");
        let first = Lock::acquire(&path, || Ok(()), || unreachable!())
            .await
            .unwrap();
        let waited = AtomicBool::new(false);
        let released = AtomicBool::new(false);
        let second = async {
            Lock::acquire(&path, || Ok(()), || waited.store(true, Ordering::SeqCst))
                .await
                .unwrap();
            assert!(released.load(Ordering::SeqCst));
        };
        let release = async {
            while !waited.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            released.store(true, Ordering::SeqCst);
            drop(first);
        };
        tokio::join!(second, release);
    }

    #[tokio::test]
    async fn a_lock_whose_file_was_removed_is_taken_anew() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("lock");
        let first = Lock::acquire(&path, || Ok(()), || ()).await.unwrap();
        let second = Lock::acquire(&path, || Ok(()), || ());
        let remove = async {
            fs::remove_file(&path).unwrap();
            drop(first);
        };
        let (second, ()) = tokio::join!(second, remove);
        let _second = second.unwrap();
        assert!(path.exists());
        assert!(open(&path).unwrap().try_lock().is_err());
    }
}
