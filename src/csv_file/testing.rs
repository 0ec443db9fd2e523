//! Helpers shared by the tests of this module.

use std::io::Write as _;

use flate2::{Compression as Level, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{CsvFile, Format, ReadOptions, Record, TextEncoding};
use crate::error::Result;

/// A file that was read to its end.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) headers: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) lines: Vec<u64>,
    pub(super) damaged: Vec<bool>,
    pub(super) format: Format,
}

pub(super) fn read_with(bytes: &[u8], options: &ReadOptions) -> Result<Table> {
    let file = CsvFile::spool(bytes)?;
    let mut records = file.records(options)?;
    let mut table = Table {
        headers: records.headers().to_vec(),
        rows: Vec::new(),
        lines: Vec::new(),
        damaged: Vec::new(),
        format: records.format(),
    };
    let mut record = Record::default();
    while records.next(&mut record)? {
        table.rows.push(record.iter().map(str::to_owned).collect());
        table.lines.push(record.line());
        table.damaged.push(record.is_damaged());
        assert_eq!(record.number(), table.rows.len() as u64);
        assert_eq!(record.len(), record.iter().count());
    }
    assert!(
        !records.next(&mut record).unwrap(),
        "no records after the end"
    );
    assert!(record.is_empty());
    assert_eq!(records.bytes_read(), file.size());
    table.format = records.format();
    Ok(table)
}

pub(super) fn read(bytes: impl AsRef<[u8]>) -> Table {
    read_with(bytes.as_ref(), &ReadOptions::default()).unwrap()
}

/// The message and the hints of the error returned when reading.
pub(super) fn error(bytes: impl AsRef<[u8]>) -> String {
    let error = read_with(bytes.as_ref(), &ReadOptions::default()).unwrap_err();
    format!(
        "{error}\n{}",
        error
            .hints()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    )
}

/// `text` in `encoding`, which must support all its characters.
pub(super) fn encode(text: &str, encoding: TextEncoding) -> Vec<u8> {
    match encoding {
        TextEncoding::Utf8 => text.as_bytes().to_vec(),
        TextEncoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        TextEncoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        TextEncoding::Windows1252 => text
            .chars()
            .map(|c| (0..=255).find(|&byte| super::encoding::windows_1252(byte) == c))
            .map(|byte| byte.expect("a character of Windows-1252"))
            .collect(),
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstandard(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}
