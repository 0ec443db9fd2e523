//! Detection of secret files that other accounts of this machine can read or replace.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Loaded, paths};
use crate::system::Environment;

/// A problem with the permissions of a file that contains secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exposure {
    pub message: String,
    /// The command that fixes it.
    pub remedy: String,
}

/// The mode bits that allow others to read and write.
const READ: u32 = 0o044;
const WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Checks the files that the configuration reads secrets from, the configuration itself, and their
/// folders. Files that do not exist are ignored.
pub fn exposures(loaded: &Loaded, env: &Environment) -> Vec<Exposure> {
    let me = nix::unistd::geteuid().as_raw();
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for (what, path, is_secret) in files(loaded, env) {
        // Check the target of a symbolic link, as used for secrets by Kubernetes.
        let Ok(real) = path.canonicalize() else {
            continue;
        };
        let Ok(metadata) = fs::metadata(&real) else {
            continue;
        };
        found.extend(of_file(what, &real, &metadata, is_secret, me));
        if let Some(folder) = real.parent()
            && !folders.iter().any(|known| known == folder)
        {
            found.extend(of_folder(folder, me));
            folders.push(folder.to_owned());
        }
    }
    found
}

/// Each file with its description, and `true` if it contains a secret. A configuration that
/// contains a password has a separate warning.
fn files<'a>(loaded: &'a Loaded, env: &Environment) -> Vec<(&'a str, PathBuf, bool)> {
    let config = &loaded.config;
    let mut files = vec![("the configuration file", loaded.path.clone(), false)];
    let named = [
        ("the keys file", &config.secrets.keys_file),
        ("the password file of [mail]", &config.mail.password_file),
        (
            "the sign-up secret file",
            &config.server.sign_up_secret_file,
        ),
    ];
    for (what, path) in named {
        files.extend(path.iter().map(|path| (what, path.clone(), true)));
    }
    for profile in config.profiles.values() {
        let url = profile.database_url_file.iter();
        files.extend(url.map(|path| ("the database URL file", path.clone(), true)));
    }
    if let Ok(data) = paths::data_dir(env) {
        files.push((
            "the keys file of the local profile",
            data.join("local-secret-keys"),
            true,
        ));
    }
    files
}

fn of_file(
    what: &str,
    path: &Path,
    metadata: &Metadata,
    is_secret: bool,
    me: u32,
) -> Option<Exposure> {
    let shown = path.display();
    let quoted = shell_words::quote(&path.to_string_lossy()).into_owned();
    let mode = metadata.permissions().mode();
    if let Some(exposure) = of_owner(what, path, metadata, me) {
        return Some(exposure);
    }
    let (wrong, remedy) = match (is_secret, mode & WRITE != 0, mode & READ != 0) {
        (true, true, _) => ("other users can change it", format!("chmod 600 {quoted}")),
        (true, false, true) => ("other users can read it", format!("chmod 600 {quoted}")),
        (false, true, _) => ("other users can change it", format!("chmod go-w {quoted}")),
        _ => return None,
    };
    Some(Exposure {
        message: format!("{what} {shown} has mode {:04o}: {wrong}", mode & 0o7777),
        remedy,
    })
}

fn of_folder(folder: &Path, me: u32) -> Option<Exposure> {
    let metadata = fs::metadata(folder).ok()?;
    let mode = metadata.permissions().mode();
    if let Some(exposure) = of_owner("the folder", folder, &metadata, me) {
        return Some(exposure);
    }
    // In a sticky folder (/tmp), users cannot replace the files of others.
    if mode & WRITE == 0 || mode & STICKY != 0 {
        return None;
    }
    Some(Exposure {
        message: format!(
            "the folder {} has mode {:04o}: other users can replace the files with secrets in it",
            folder.display(),
            mode & 0o7777
        ),
        remedy: format!(
            "chmod go-w {}",
            shell_words::quote(&folder.to_string_lossy())
        ),
    })
}

/// The superuser can read and replace everything anyway.
fn of_owner(what: &str, path: &Path, metadata: &Metadata, me: u32) -> Option<Exposure> {
    let owner = metadata.uid();
    if owner == me || owner == 0 {
        return None;
    }
    Some(Exposure {
        message: format!(
            "{what} {} belongs to another user (uid {owner})",
            path.display()
        ),
        remedy: format!("chown {me} {}", shell_words::quote(&path.to_string_lossy())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(mode: u32, is_secret: bool, me: Option<u32>) -> Option<Exposure> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("keys");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let me = me.unwrap_or(metadata.uid());
        of_file("the keys file", &path, &metadata, is_secret, me)
    }

    #[test]
    fn each_bit_for_others_is_told_with_its_command() {
        for mode in [0o644, 0o640, 0o604] {
            let found = judged(mode, true, None).unwrap();
            assert!(found.message.contains("can read it"), "{found:?}");
            assert!(found.remedy.starts_with("chmod 600 "), "{found:?}");
            assert_eq!(judged(mode, false, None), None);
        }
        for mode in [0o620, 0o602, 0o666] {
            assert!(
                judged(mode, true, None)
                    .unwrap()
                    .message
                    .contains("can change it")
            );
            assert!(judged(mode, false, None).unwrap().remedy.contains("go-w"));
        }
        assert_eq!(judged(0o600, true, None), None);
        assert_eq!(judged(0o400, true, None), None);
    }

    #[test]
    fn a_folder_that_others_write_to_is_told_unless_it_is_sticky() {
        let root = tempfile::tempdir().unwrap();
        let me = fs::metadata(root.path()).unwrap().uid();
        for (mode, is_told) in [
            (0o777, true),
            (0o770, true),
            (0o1777, false),
            (0o755, false),
        ] {
            fs::set_permissions(root.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(of_folder(root.path(), me).is_some(), is_told, "{mode:o}");
        }
    }

    #[test]
    fn files_of_another_user_are_told_and_those_of_root_are_not() {
        let root = tempfile::tempdir().unwrap();
        let metadata = fs::metadata(root.path()).unwrap();
        let found = of_owner("the folder", root.path(), &metadata, metadata.uid() + 1);
        assert_eq!(found.is_some(), metadata.uid() != 0);
        assert_eq!(
            of_owner("the folder", root.path(), &metadata, metadata.uid()),
            None
        );
    }
}
