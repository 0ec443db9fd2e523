use std::os::unix::fs::{MetadataExt as _, symlink};

use super::*;
use crate::error::ErrorKind;

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_existing_file_is_refused_and_left_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("report.json");
    fs::write(&path, "mine").unwrap();
    for refused in [
        write(&path, b"new", Existing::Refuse, Readers::Usual),
        expect_writable(&path, Existing::Refuse),
        // As if the file was created after the check.
        persist(&path, b"new", Existing::Refuse, Mode::Umask),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(
            error.hints()[0].to_string().contains("--overwrite"),
            "{error:?}"
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    write(&path, b"new", Existing::Replace, Readers::Usual).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn a_symbolic_link_is_never_followed_nor_replaced() {
    let root = tempfile::tempdir().unwrap();
    let (target, link) = (root.path().join("target"), root.path().join("link"));
    fs::write(&target, "mine").unwrap();
    symlink(&target, &link).unwrap();
    let dangling = root.path().join("dangling");
    symlink(root.path().join("nothing"), &dangling).unwrap();
    for path in [&link, &dangling] {
        for existing in [Existing::Refuse, Existing::Replace] {
            let error = write(path, b"new", existing, Readers::Owner).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.to_string().contains("symbolic link"), "{error}");
            assert!(path.is_symlink());
        }
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
    assert!(!root.path().join("nothing").exists());
}

#[test]
fn a_link_in_a_folder_above_is_followed() {
    let root = tempfile::tempdir().unwrap();
    let real = root.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, root.path().join("link")).unwrap();
    let path = root.path().join("link/file");
    write(&path, b"new", Existing::Refuse, Readers::Owner).unwrap();
    assert_eq!(fs::read_to_string(real.join("file")).unwrap(), "new");
}

#[test]
fn modes_are_as_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("key");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    write(&path, b"new", Existing::Replace, Readers::Usual).unwrap();
    assert_eq!(mode_of(&path), 0o640, "an old file keeps its mode");
    write(&path, b"new", Existing::Replace, Readers::Owner).unwrap();
    assert_eq!(mode_of(&path), 0o600);
    write(&path, b"new", Existing::Replace, Readers::Everyone).unwrap();
    assert_eq!(mode_of(&path), 0o644);
    let (ours, theirs) = (root.path().join("a"), root.path().join("b"));
    write(&ours, b"", Existing::Refuse, Readers::Usual).unwrap();
    fs::write(&theirs, "").unwrap();
    assert_eq!(mode_of(&ours), mode_of(&theirs), "determined by the umask");
}

#[test]
fn a_pipe_is_written_to_and_a_folder_is_not() {
    let root = tempfile::tempdir().unwrap();
    let pipe = root.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read_to_string(pipe).unwrap())
    };
    write(&pipe, b"new", Existing::Refuse, Readers::Owner).unwrap();
    assert_eq!(reader.join().unwrap(), "new");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    write(
        Path::new("/dev/null"),
        b"new",
        Existing::Refuse,
        Readers::Owner,
    )
    .unwrap();

    let error = write(root.path(), b"", Existing::Replace, Readers::Owner).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    let error = expect_writable(&root.path().join("a/b"), Existing::Refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_lock_is_not_made_through_a_link() {
    let root = tempfile::tempdir().unwrap();
    let link = root.path().join("x.lock");
    symlink(root.path().join("elsewhere"), &link).unwrap();
    assert!(super::super::open_lock(&link).is_err());
    assert!(!root.path().join("elsewhere").exists());
    let lock = super::super::open_lock(&root.path().join("y.lock")).unwrap();
    assert_eq!(lock.metadata().unwrap().mode() & 0o777, 0o600);
}
