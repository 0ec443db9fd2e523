use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::error::ErrorKind;

const HEAD: &[u8] = b"error,name\n";

fn begun(path: &Path, id: Uuid) -> Growing {
    let mut file = Growing::begin(path, id, Existing::Refuse).unwrap();
    file.write_all(HEAD).unwrap();
    file
}

fn names(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn it_is_private_has_its_name_at_the_end_and_goes_where_it_has_none() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.csv");
    let file = begun(&path, Uuid::from_u128(1));
    assert!(!path.exists());
    let mode = fs::metadata(file.name()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(file);
    assert_eq!(names(root.path()), 0);

    let file = begun(&path, Uuid::from_u128(1));
    file.publish().unwrap();
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), HEAD);
    assert_eq!(names(root.path()), 1);
}

#[test]
fn another_file_is_never_replaced_unasked() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.csv");
    let late = begun(&path, Uuid::from_u128(1));
    fs::write(&path, "mine").unwrap();
    let error = Growing::begin(&path, Uuid::from_u128(2), Existing::Refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    // Another file, created in the meantime.
    let error = late.publish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    drop(late);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(names(root.path()), 1);

    let asked = Growing::begin(&path, Uuid::from_u128(3), Existing::Replace).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "mine",
        "until it is published"
    );
    asked.publish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn links_and_devices_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let (target, link) = (root.path().join("target"), root.path().join("link"));
    fs::write(&target, HEAD).unwrap();
    symlink(&target, &link).unwrap();
    for existing in [Existing::Refuse, Existing::Replace] {
        let error = Growing::begin(&link, Uuid::nil(), existing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let error = Growing::begin(Path::new("/dev/null"), Uuid::nil(), existing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
    let error = Growing::resume(&link, Uuid::nil(), HEAD.len() as u64, HEAD).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(fs::read(&target).unwrap(), HEAD);
}

#[test]
fn a_killed_run_is_known_by_its_id_and_no_other() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.csv");
    let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let killed = begun(&path, id);
    killed.publish().unwrap();
    // Both names exist, as if the process ended before the commit.
    std::mem::forget(killed);
    assert_eq!(names(root.path()), 2);
    let error = Growing::begin(&path, other, Existing::Refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let again = Growing::begin(&path, id, Existing::Refuse).unwrap();
    assert!(!path.exists());
    drop(again);
    assert_eq!(names(root.path()), 0);
}

#[test]
fn it_is_continued_where_it_stands_and_only_itself() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.csv");
    let id = Uuid::from_u128(1);
    let text = b"error,name\nwrong,a\nof a step that was not committed";
    fs::write(&path, text).unwrap();
    let mut file = Growing::resume(&path, id, 19, HEAD).unwrap();
    file.write_all(b"wrong,b\n").unwrap();
    assert_eq!(file.sync().unwrap(), 27);
    drop(file);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "error,name\nwrong,a\nwrong,b\n"
    );

    for other in [
        "",
        "error,name\n",
        "some notes\nof mine, longer than the other\n",
    ] {
        fs::write(&path, other).unwrap();
        let error = Growing::resume(&path, id, 19, HEAD).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{other:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
    fs::remove_file(&path).unwrap();
    let error = Growing::resume(&path, id, 19, HEAD).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!path.exists());
}
