//! Files that are replaced as a whole or not at all, and that only their owner can read.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Context, Result};

/// Replaces the file, or makes it with its directories. Its mode is 0600.
pub(super) fn write_private(path: &Path, contents: &str) -> Result<()> {
    replace(path, contents).context(format!("cannot write {}", path.display()))
}

/// Replaces the file, or makes it. A new one has the mode that the process gives to files, an old
/// one keeps its own.
///
/// # Errors
/// `Failure` when it cannot be written.
pub fn write_atomically(path: &Path, contents: &str) -> Result<()> {
    let write = || {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mode = match fs::metadata(&path) {
            Ok(known) => known.permissions(),
            // As the umask has it: only making a file tells.
            Err(_) => File::create(&path)?.metadata()?.permissions(),
        };
        let mut file = NamedTempFile::new_in(directory_of(&path))?;
        file.write_all(contents.as_bytes())?;
        file.as_file().set_permissions(mode)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok::<_, std::io::Error>(())
    };
    write().context(format!("cannot write {}", path.display()))
}

/// Makes the file with mode 0600, and its directories; one that is there already stays as it is.
pub(super) fn create_private(path: &Path, contents: &str) -> Result<()> {
    let create = || {
        let directory = directory_of(path);
        make_directory(directory)?;
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(contents.as_bytes())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error.error)
            }
            _ => Ok(()),
        }
    };
    create().context(format!("cannot write {}", path.display()))
}

fn replace(path: &Path, contents: &str) -> std::io::Result<()> {
    // A rename would replace a symbolic link; people keep their configuration behind one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = directory_of(&path);
    make_directory(directory)?;
    // Temporary files are made with mode 0600.
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(contents.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// Waits until no other process changes the file, and keeps others out until it is dropped.
pub(super) fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let lock = || {
        make_directory(directory_of(&name))?;
        let file = File::create(&name)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    lock().context(format!("cannot lock {}", name.display()))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn make_directory(directory: &Path) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

#[cfg(test)]
mod tests {
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
    fn writes_through_a_symbolic_link_and_leaves_no_other_file() {
        let root = tempfile::tempdir().unwrap();
        let (real, link) = (root.path().join("real.toml"), root.path().join("link.toml"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        write_private(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}
