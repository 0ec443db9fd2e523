use std::io::Write as _;

use super::*;
use crate::error::ErrorKind;

#[test]
fn what_cannot_be_opened_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let error = CsvFile::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(error.to_string().ends_with("is a folder"));
    let error = CsvFile::open(&folder.path().join("none.csv")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_has_a_name_a_size_and_a_hash_of_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patients.csv.gz");
    let bytes = testing::gzip(b"a\n1\n");
    std::fs::write(&path, &bytes).unwrap();
    let expected: [u8; 32] = Sha256::digest(&bytes).into();
    for (file, name) in [
        (CsvFile::open(&path).unwrap(), "patients.csv.gz"),
        (CsvFile::spool(&bytes[..]).unwrap(), "standard input"),
    ] {
        assert_eq!(file.name(), name);
        assert_eq!(file.size(), bytes.len() as u64);
        assert_eq!(file.sha256().unwrap(), expected);
        assert!(file.records(&ReadOptions::default()).is_ok());
        assert_eq!(file.sha256().unwrap(), expected);
    }
}

#[test]
fn a_pipe_is_read_more_than_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let end = path.clone();
    let writer = std::thread::spawn(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(end).unwrap();
        pipe.write_all(b"a\n1\n").unwrap();
    });
    let file = CsvFile::open(&path).unwrap();
    writer.join().unwrap();
    assert_eq!((file.name(), file.size()), ("pipe", 4));
    for _ in 0..2 {
        let mut records = file.records(&ReadOptions::default()).unwrap();
        let mut record = Record::default();
        assert!(records.next(&mut record).unwrap());
        assert!(!records.next(&mut record).unwrap());
    }
}

#[test]
fn standard_input_that_breaks_off_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let error = CsvFile::spool(b"a\n1\n".chain(Broken)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failure);
    assert!(error.to_string().contains("standard input"));
}
