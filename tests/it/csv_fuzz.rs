//! Damaged CSV files, thousands of them: seeds of every kind are mutated by a generator with a
//! fixed seed, so that a failure comes again. It runs with the other tests, on a stable compiler.
//!
//! More runs than these, before a release for instance:
//!
//! ```text
//! TENANTCTL_FUZZ_RUNS=2000000 cargo test --release --test it -- csv_fuzz
//! ```

use std::io::Write as _;

use tenantctl::{
    csv_file::{CsvFile, Delimiter, Format, ReadOptions, Record, RejectWriter, TextEncoding},
    error::{ErrorKind, Result},
};

use crate::common::fuzz::{self, Generator};

const RUNS: u64 = 20_000;
const SEED: u64 = 0x5EED_C5F1;

/// What means something somewhere in the formats.
const DICTIONARY: &[&[u8]] = &[
    b"\"",
    b"\"\"",
    b"\r",
    b"\n",
    b"\r\n",
    b",",
    b";",
    b"\t",
    b"|",
    b"\0",
    b"=",
    b"'",
    b"sep=;\n",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xFE\xFF",
    b"\xE2\x82\xAC",
    b"\xFC",
    b"\xC3",
    b"\x1F\x8B\x08",
    b"\x28\xB5\x2F\xFD",
    b"\x50\x2A\x4D\x18\x02\0\0\0",
];

fn seeds() -> Vec<Vec<u8>> {
    let text = "name;date of birth;e-mail\r\nZoë;1980-01-02;zoe@example.org\r\n\"Müller, \"\"Max\"\"\r\nPeter\";;=1+1\r\n";
    let ascii = "a,b,c\n1,2,3\n\"x\ny\",,\"\"\n\n4,5\n";
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    };
    let windows: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("Latin 1"))
        .collect();
    let long: String = (0..40).map(|i| format!("{i},x{i},\"y {i}\"\r")).collect();
    vec![
        ascii.into(),
        text.into(),
        format!("\u{FEFF}{text}").into(),
        windows,
        utf16(text, u16::to_le_bytes),
        utf16(&format!("\u{FEFF}{text}"), u16::to_le_bytes),
        utf16(&format!("\u{FEFF}{text}😀\n"), u16::to_be_bytes),
        format!("sep=|\r\n{}", text.replace(';', "|")).into(),
        text.replace(';', "\t").replace("\r\n", "\r").into(),
        format!("error,{ascii}").into(),
        long.clone().into(),
        gzip(text.as_bytes()),
        gzip(long.as_bytes()),
        zstandard(text.as_bytes()),
        zstandard(long.as_bytes()),
        b"".to_vec(),
        b"\n".to_vec(),
        b"a".to_vec(),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn options(generator: &mut Generator) -> ReadOptions {
    let encoding = TextEncoding::ALL.get(generator.below(12)).copied();
    let delimiters = [
        Delimiter::COMMA,
        Delimiter::SEMICOLON,
        Delimiter::TAB,
        Delimiter::PIPE,
    ];
    ReadOptions {
        encoding,
        delimiter: delimiters.get(generator.below(12)).copied(),
    }
}

/// What was read before the end or the error.
#[derive(Debug, Default)]
struct Seen {
    headers: Vec<String>,
    format: Option<Format>,
    rows: Vec<Vec<String>>,
    rejected: Vec<u8>,
}

/// Reads all of `bytes`, checks each record, and writes each into a reject file.
fn read(bytes: &[u8], options: &ReadOptions, seen: &mut Seen) -> Result<()> {
    let file = CsvFile::spool(bytes)?;
    let mut records = file.records(options)?;
    seen.headers = records.headers().to_vec();
    let delimiter = records.format().delimiter;
    let mut writer = RejectWriter::new(Vec::new(), &seen.headers, delimiter, false)?;
    let mut record = Record::default();
    let mut line = 0;
    let ended = loop {
        match records.next(&mut record) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
        assert!(
            record.line() > line,
            "each record begins on a line of its own"
        );
        line = record.line();
        assert!(!record.is_empty());
        let row: Vec<String> = record.iter().map(str::to_owned).collect();
        assert_eq!(row.len(), record.len());
        seen.rows.push(row);
        assert_eq!(record.number(), seen.rows.len() as u64);
        assert!(
            record.number() < record.line(),
            "the header has a line, too"
        );
        writer.write(&record, "rejected, \"for\"\na reason")?;
    };
    assert!(records.bytes_read() <= file.size());
    seen.format = Some(records.format());
    seen.rejected = writer.finish()?;
    ended
}

/// The fields of a reject file, as they were before.
fn comes_back(seen: &Seen) {
    let Some(format) = seen.format else {
        return;
    };
    let options = ReadOptions {
        encoding: Some(TextEncoding::Utf8),
        delimiter: Some(format.delimiter),
    };
    let mut again = Seen::default();
    read(&seen.rejected, &options, &mut again).expect("a reject file can be read");
    let replaced = usize::from(seen.headers.first().is_some_and(|first| first == "error"));
    assert_eq!(again.headers[0], "error");
    assert_eq!(again.headers[1..], seen.headers[replaced..]);
    let fields: Vec<&[String]> = again.rows.iter().map(|row| &row[1..]).collect();
    let expected: Vec<&[String]> = seen.rows.iter().map(|row| &row[replaced..]).collect();
    assert_eq!(fields, expected);
}

#[test]
fn damaged_files_are_read_or_refused() {
    let runs = fuzz::runs(RUNS);
    let seeds = seeds();
    let mut generator = Generator::new(SEED, DICTIONARY);
    let (mut whole, mut refused) = (0, 0);
    for run in 0..runs {
        let mut bytes = seeds[generator.below(seeds.len())].clone();
        for _ in 0..generator.below(8) {
            generator.mutate(&mut bytes, &seeds);
        }
        let options = options(&mut generator);
        let checked = std::panic::catch_unwind(|| {
            let mut seen = Seen::default();
            let ended = read(&bytes, &options, &mut seen);
            if let Err(error) = &ended {
                assert_eq!(error.kind(), ErrorKind::BadInput, "{error}");
            }
            comes_back(&seen);
            ended.is_ok()
        });
        match checked {
            Ok(true) => whole += 1,
            Ok(false) => refused += 1,
            Err(panic) => {
                let shown = bytes.escape_ascii();
                println!("run {run}, {options:?}: b\"{shown}\"");
                std::panic::resume_unwind(panic);
            }
        }
    }
    // The mutations neither leave every file whole nor break every one.
    assert!(
        whole > runs / 10 && refused > runs / 10,
        "{whole}, {refused}"
    );
}
