//! Files of the program: the configuration it edits, its state, its keys. Only their owner can read
//! them.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Context, ErrorKind, Result};
use crate::files::{self, Existing, Readers};

/// Replaces the file, or creates it with its folders.
///
/// # Errors
/// `Conflict` for a symbolic link, `Failure` if it cannot be written.
pub(super) fn write_private(path: &Path, contents: &str) -> Result<()> {
    make_folder_of(path)?;
    files::write(path, contents.as_bytes(), Existing::Replace, Readers::Owner)
}

/// Creates the file and its folders; an existing file is left unchanged.
pub(super) fn create_private(path: &Path, contents: &str) -> Result<()> {
    make_folder_of(path)?;
    match files::write(path, contents.as_bytes(), Existing::Refuse, Readers::Owner) {
        Err(error) if error.kind() == ErrorKind::Conflict && path.is_file() => Ok(()),
        written => written,
    }
}

/// Waits until no other process changes the file, and excludes others until the lock is dropped.
pub(super) fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    make_folder_of(&name)?;
    let lock = || {
        let file = files::open_lock(&name)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    lock().context(format!("cannot lock {}", name.display()))
}

fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => files::make_private_folder(folder),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn makes_directories_and_a_private_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c.toml");
        write_private(&path, "x = 1\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "x = 1\n");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&root.path().join("a")), 0o700);
    }

    #[test]
    fn a_symbolic_link_is_refused_and_the_hint_names_the_file() {
        let root = tempfile::tempdir().unwrap();
        let (real, link) = (root.path().join("real.toml"), root.path().join("link.toml"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        let error = write_private(&link, "new").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(
            error.hints()[0].to_string().contains("real.toml"),
            "{error:?}"
        );
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "old");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_private_file_that_exists_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("keys");
        create_private(&path, "first").unwrap();
        create_private(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    }
}
