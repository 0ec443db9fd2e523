use super::*;
use crate::csv_file::{
    CsvFile, ReadOptions, Record,
    testing::{error, gzip, read, zstandard},
};

const TEXT: &str =
    "name,age\nAnna,41\nAnna,41\nAnna,41\nAnna,41\nAnna,41\nAnna,41\nAnna,41\nAnna,41\n";
/// The same, compressed with a checksum by the reference implementation.
const REFERENCE: &str = "28b52ffd0458bd0000806e616d652c6167650a416e6e612c34310100bcb32c016d5d8b2d";

fn reference() -> Vec<u8> {
    let pair = |i: usize| u8::from_str_radix(&REFERENCE[i..i + 2], 16).unwrap();
    (0..REFERENCE.len()).step_by(2).map(pair).collect()
}

fn large() -> String {
    let rows = (0..60_000u64).map(|i| format!("Anna {i},{}\n", i * 7919 % 100_003));
    format!("name,age\n{}", rows.collect::<String>())
}

#[test]
fn compression_is_told_by_the_first_bytes() {
    for (bytes, compression) in [
        (TEXT.as_bytes().to_vec(), None),
        (gzip(TEXT.as_bytes()), Some(Compression::Gzip)),
        (zstandard(TEXT.as_bytes()), Some(Compression::Zstandard)),
        (reference(), Some(Compression::Zstandard)),
    ] {
        let table = read(bytes);
        assert_eq!(table.format.compression, compression);
        assert_eq!(table.rows.len(), 8);
    }
}

#[test]
fn members_and_frames_are_read_one_after_the_other() {
    let (start, end) = TEXT.as_bytes().split_at(20);
    assert_eq!(
        read([gzip(start), gzip(b""), gzip(end)].concat())
            .rows
            .len(),
        8
    );
    let skipped = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [
        &skipped[..],
        &zstandard(start),
        &skipped,
        &zstandard(end),
        &skipped,
    ]
    .concat();
    assert_eq!(read(frames).rows.len(), 8);
}

#[test]
fn what_is_large_is_read_whole() {
    for bytes in [gzip(large().as_bytes()), zstandard(large().as_bytes())] {
        let table = read(bytes);
        assert_eq!(table.rows.len(), 60_000);
        assert_eq!(table.rows[59_999][0], "Anna 59999");
    }
}

#[test]
fn a_truncated_file_is_an_error_behind_the_records_before_it() {
    for bytes in [gzip(large().as_bytes()), zstandard(large().as_bytes())] {
        let half = &bytes[..bytes.len() / 2];
        let file = CsvFile::spool(half).unwrap();
        let mut records = file.records(&ReadOptions::default()).unwrap();
        let mut record = Record::default();
        let error = loop {
            match records.next(&mut record) {
                Ok(found) => assert!(found, "the end was not reported"),
                Err(error) => break error.to_string(),
            }
        };
        let count = record_count(&error);
        assert!(count > 1000, "{error}");
        assert!(error.contains("ends too early"), "{error}");
        assert!(
            error.contains(&format!("the first {} bytes", half.len())),
            "{error}"
        );
    }
}

fn record_count(error: &str) -> u64 {
    let rest = error.split("up to line ").nth(1).unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn every_truncation_is_an_error() {
    for bytes in [
        gzip(TEXT.as_bytes()),
        zstandard(TEXT.as_bytes()),
        reference(),
    ] {
        for length in 4..bytes.len() {
            let error = error(&bytes[..length]);
            assert!(error.contains("ends too early"), "{length}: {error}");
        }
    }
}

#[test]
fn damage_is_an_error() {
    for bytes in [gzip(large().as_bytes()), reference()] {
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x10;
        assert!(error(&damaged).contains("data of standard input"));
        // The checksum.
        let mut damaged = bytes;
        let end = damaged.len() - 1;
        damaged[end - 4] ^= 0x10;
        let message = error(&damaged);
        assert!(message.contains("is damaged"), "{message}");
    }
    let trailing = [zstandard(TEXT.as_bytes()), b"garbage".to_vec()].concat();
    assert!(error(trailing).contains("is damaged"));
}

#[test]
fn what_expands_a_thousandfold_is_read_in_flat_memory() {
    let zeros = vec![0; 50_000_000];
    for bytes in [gzip(&zeros), zstandard(&zeros)] {
        assert!(error(bytes).contains("longer than 1 MiB"));
    }
}
