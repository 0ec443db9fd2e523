use std::{
    fs::OpenOptions,
    io::{self, Read, Write as _},
};

use super::*;
use crate::{
    csv_file::{
        CsvFile,
        testing::{error, read, read_with},
    },
    error::ErrorKind,
};

#[test]
fn line_ends_quotes_and_blank_lines_are_read_and_counted() {
    type Case = (
        &'static str,
        &'static [&'static [&'static str]],
        &'static [u64],
    );
    let cases: [Case; 16] = [
        ("a,b\n1,2\n3,4\n", &[&["1", "2"], &["3", "4"]], &[2, 3]),
        (
            "a,b\r\n1,2\r\n3,4\r\n",
            &[&["1", "2"], &["3", "4"]],
            &[2, 3],
        ),
        ("a,b\r1,2\r3,4\r", &[&["1", "2"], &["3", "4"]], &[2, 3]),
        ("a,b\n1,2\n3,4", &[&["1", "2"], &["3", "4"]], &[2, 3]),
        ("a,b\n1,\n", &[&["1", ""]], &[2]),
        ("a,b\n1,", &[&["1", ""]], &[2]),
        // Blank lines, also before the header.
        (
            "\n\na,b\n\n1,2\n\n\n3,4\n\n",
            &[&["1", "2"], &["3", "4"]],
            &[5, 8],
        ),
        (
            "\r\n\r\na,b\r\n\r\n1,2\r\n\r\n3,4",
            &[&["1", "2"], &["3", "4"]],
            &[5, 7],
        ),
        (
            "\r\ra,b\r\r1,2\r\r3,4",
            &[&["1", "2"], &["3", "4"]],
            &[5, 7],
        ),
        ("a,b\n \n1,2\n", &[&[" "], &["1", "2"]], &[2, 3]),
        // Quotes.
        ("a,b\n\"1,\"\"x\"\"\",2\n", &[&["1,\"x\"", "2"]], &[2]),
        ("a\n\"\"\n\"x\"\n", &[&[""], &["x"]], &[2, 3]),
        ("a,b\n1\"2,3\n", &[&["1\"2", "3"]], &[2]),
        (
            "a,b\n\"1\n\n2\",x\n3,4\n",
            &[&["1\n\n2", "x"], &["3", "4"]],
            &[2, 5],
        ),
        (
            "a,b\r\n\"1\r\n2\",x\r\n3,4\r\n",
            &[&["1\r\n2", "x"], &["3", "4"]],
            &[2, 4],
        ),
        (
            "a,b\r\"1\r2\r\r\",x\r\n3,4\n",
            &[&["1\r2\r\r", "x"], &["3", "4"]],
            &[2, 6],
        ),
    ];
    for (text, rows, lines) in cases {
        let table = read(text);
        assert_eq!(table.rows, rows, "{text:?}");
        assert_eq!(table.lines, lines, "{text:?}");
    }
}

#[test]
fn records_of_any_number_of_fields_are_given_as_they_are() {
    let table = read("a,b,c\n1\n1,2\n1,2,3,4\n,,\n");
    let lengths: Vec<usize> = table.rows.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 2, 4, 3]);
    let file = CsvFile::spool("a\n1\n".as_bytes()).unwrap();
    let mut records = file.records(&ReadOptions::default()).unwrap();
    let mut record = Record::default();
    assert!(records.next(&mut record).unwrap());
    assert_eq!((record.get(0), record.get(1)), (Some("1"), None));
}

#[test]
fn headers_are_trimmed_and_otherwise_as_written() {
    let table = read(" Name ,\" Date, of birth\",name,\n");
    assert_eq!(table.headers, ["Name", "Date, of birth", "name", ""]);
    assert!(table.rows.is_empty());
}

#[test]
fn nul_characters_are_passed_on() {
    assert_eq!(read("a,b\n1\0,2\n").rows, [["1\0", "2"]]);
}

#[test]
fn ten_thousand_columns_are_read() {
    let names: Vec<String> = (0..10_000).map(|i| format!("column {i}")).collect();
    let values: Vec<String> = (0..10_000).map(|i| format!("{i}, {i}")).collect();
    let text = format!("{}\n\"{}\"\n", names.join(";"), values.join("\";\""));
    let table = read(text);
    assert_eq!(table.format.delimiter, Delimiter::SEMICOLON);
    assert_eq!(table.headers, names);
    assert_eq!(table.rows, [values]);
}

#[test]
fn an_empty_file_is_refused_and_a_header_alone_is_not() {
    for text in ["", "\n\r\n", "\u{FEFF}", "\u{FEFF}\n", "sep=;\n"] {
        let file = CsvFile::spool(text.as_bytes()).unwrap();
        let error = file.records(&ReadOptions::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        assert_eq!(error.to_string(), "standard input is empty");
    }
    assert!(read("a,b").rows.is_empty());
    assert!(read("a,b\r\n").rows.is_empty());
}

/// `start`, then `middle` repeated up to `size`.
fn repeated(start: &'static str, middle: &'static str, size: u64) -> impl Read {
    let count = usize::try_from(size).unwrap() / middle.len();
    start
        .as_bytes()
        .chain(io::Cursor::new(middle.repeat(count)))
}

#[test]
fn a_record_that_is_too_long_is_an_error_early() {
    let size = 64 * 1024 * 1024;
    for (start, middle) in [
        ("a,b\n1,2\n\n3,\"", "x, y\n"),
        ("a,b\n1,2\n\n3,", "x"),
        ("a,b\n1,2\n\n3,", ","),
    ] {
        let file = CsvFile::spool(repeated(start, middle, size)).unwrap();
        let mut records = file.records(&ReadOptions::default()).unwrap();
        let mut record = Record::default();
        assert!(records.next(&mut record).unwrap());
        let error = records.next(&mut record).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        assert_eq!(
            error.to_string(),
            "the record that begins on line 4 of standard input is longer than 1 MiB"
        );
        assert!(error.hints()[0].to_string().contains("quote"));
        assert!(records.bytes_read() < 2 * 1024 * 1024);
        assert!(
            records.next(&mut record).is_err(),
            "an error must not look like the end"
        );
    }
}

#[test]
fn a_record_of_almost_a_mebibyte_is_read() {
    let long = "x".repeat(LONGEST_RECORD - 4);
    let table = read(format!("a,b\n1,{long}\n2,3\n"));
    assert_eq!(table.rows[0][1].len(), long.len());
    assert_eq!(table.rows[1], ["2", "3"]);
    assert!(error(format!("a,b\n1,{long}xxx\n")).contains("line 2"));
}

#[test]
fn a_file_that_ends_inside_of_quotes_is_an_error() {
    let error = error("a,b\n1,2\n\"3,4\n5,6\n");
    assert!(
        error.contains("in the record that begins on line 3"),
        "{error}"
    );
    // These look unfinished but are complete.
    assert_eq!(read("a,b\n1,\"2\"").rows, [["1", "2"]]);
    assert_eq!(read("a,b\n1,\"\"").rows, [["1", ""]]);
    assert_eq!(read("a,b\n1,2\"").rows, [["1", "2\""]]);
}

#[test]
fn a_file_is_read_again_from_its_start_also_at_the_same_time() {
    let file = CsvFile::spool("a\n1\n2\n".as_bytes()).unwrap();
    let options = ReadOptions::default();
    let (mut one, mut other) = (
        file.records(&options).unwrap(),
        file.records(&options).unwrap(),
    );
    let (mut left, mut right) = (Record::default(), Record::default());
    assert!(one.next(&mut left).unwrap() && one.next(&mut left).unwrap());
    assert!(other.next(&mut right).unwrap());
    assert_eq!((left.get(0), right.get(0)), (Some("2"), Some("1")));
    assert!(!one.next(&mut left).unwrap());
}

#[test]
fn buffers_end_anywhere() {
    // A quoted CRLF, a CRLF and a character of three bytes at every position around the ends of the
    // buffers.
    for shift in 0..12 {
        let filler = "x".repeat(BUFFER - 8 - "a,b\n".len() - shift);
        let text = format!("a,b\n{filler},\"€\r\n€\"\r\n1,2\r\n3,4");
        let table = read(text);
        assert_eq!(table.lines, [2, 4, 5], "{shift}");
        assert_eq!(table.rows[0][1], "€\r\n€");
        assert!(!table.damaged.contains(&true));
    }
}

#[test]
fn a_file_that_becomes_shorter_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patients.csv");
    std::fs::write(&path, format!("a,b\n{}", "1,2\n".repeat(500_000))).unwrap();
    let file = CsvFile::open(&path).unwrap();
    assert_eq!(file.name(), "patients.csv");
    let mut records = file.records(&ReadOptions::default()).unwrap();
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    writer.set_len(1_000_000).unwrap();
    let mut record = Record::default();
    let error = loop {
        match records.next(&mut record) {
            Ok(true) => {}
            Ok(false) => panic!("the end was not reported"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Failure);
    assert!(error.to_string().contains("beyond line 250001"), "{error}");
    assert!(error.causes()[0].contains("shorter"));
    assert!(file.sha256().is_err());
}

#[test]
fn what_is_appended_later_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patients.csv");
    std::fs::write(&path, "a\n1\n").unwrap();
    let file = CsvFile::open(&path).unwrap();
    let hash = file.sha256().unwrap();
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    writer.write_all(b"2\n").unwrap();
    assert_eq!(file.sha256().unwrap(), hash);
    let mut records = file.records(&ReadOptions::default()).unwrap();
    let mut record = Record::default();
    assert!(records.next(&mut record).unwrap());
    assert!(!records.next(&mut record).unwrap());
}

#[test]
fn records_can_be_read_on_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Records>();
    is_send::<CsvFile>();
    is_send::<Record>();
}

#[test]
fn a_record_does_not_show_its_fields_where_it_is_debugged() {
    let file = CsvFile::spool("a\nAnna Muster\n".as_bytes()).unwrap();
    let mut records = file.records(&ReadOptions::default()).unwrap();
    let mut record = Record::default();
    records.next(&mut record).unwrap();
    assert!(!format!("{record:?}").contains("Anna"));
}

#[test]
fn a_sep_line_names_the_delimiter() {
    for text in [
        "sep=;\na,x;b\n1;2\n",
        "SEP=;\r\na,x;b\r\n1;2\r\n",
        "\"sep=;\"\ra,x;b\r1;2\r",
        "\u{FEFF}sep=;\na,x;b\n1;2\n",
    ] {
        let table = read(text);
        assert_eq!(table.format.delimiter, Delimiter::SEMICOLON);
        assert_eq!(table.headers, ["a,x", "b"]);
        assert_eq!(
            (table.rows, table.lines),
            (vec![vec!["1".to_owned(), "2".to_owned()]], vec![3])
        );
    }
    let options = ReadOptions {
        delimiter: Some(Delimiter::COMMA),
        ..ReadOptions::default()
    };
    let table = read_with(b"sep=;\na,b\n", &options).unwrap();
    assert_eq!(table.headers, ["a", "b"]);
    assert!(error("sep=:\na:b\n").contains("names \":\""));
    assert_eq!(read("sep=\na,b\n").headers, ["sep="]);
    assert_eq!(read("sep=x,b\n").headers, ["sep=x", "b"]);
}
