use super::*;
use crate::csv_file::{CsvFile, ReadOptions, testing::read};
use crate::domain::spreadsheet::without_mark;

/// The reject file of all records of `text`.
fn rejected(text: &str, excel_safe: bool) -> String {
    let file = CsvFile::spool(text.as_bytes()).unwrap();
    let mut records = file.records(&ReadOptions::default()).unwrap();
    let delimiter = records.format().delimiter;
    let headers = records.headers().to_vec();
    let mut writer = RejectWriter::new(Vec::new(), &headers, delimiter, excel_safe).unwrap();
    let mut record = Record::default();
    while records.next(&mut record).unwrap() {
        let error = format!("line {}; \"no\"", record.line());
        writer.write(&record, &error).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

#[test]
fn fields_come_back_behind_the_error() {
    let text = "a;b\n1;2\n\"x\r\ny\";\"q\"\"q\"\n1\n1;2;3\n\"\"\n\r;\n \n";
    let first = read(text);
    let written = rejected(text, false);
    assert!(
        written.starts_with("error;a;b\n\"line 2; \"\"no\"\"\";1;2\n"),
        "{written}"
    );
    let again = read(&written);
    assert_eq!(again.headers, ["error", "a", "b"]);
    let fields: Vec<&[String]> = again.rows.iter().map(|row| &row[1..]).collect();
    assert_eq!(fields, first.rows);
}

#[test]
fn the_error_of_a_mended_file_is_replaced() {
    let once = rejected("a,b\n1,2\n1\n", false);
    let twice = rejected(&once, false);
    assert_eq!(read(&twice).headers, ["error", "a", "b"]);
    assert_eq!(read(&twice).rows, read(&once).rows);
    // In another position, or spelled differently, such a column is data.
    assert_eq!(
        read(rejected("a,error\n1,2\n", false)).headers,
        ["error", "a", "error"]
    );
    assert_eq!(
        read(rejected("Error,a\n1,2\n", false)).headers,
        ["error", "Error", "a"]
    );
}

#[test]
fn a_record_of_nothing_but_the_error_column_can_be_written() {
    let file = CsvFile::spool("error\nold\n".as_bytes()).unwrap();
    let mut records = file.records(&ReadOptions::default()).unwrap();
    let headers = records.headers().to_vec();
    let mut writer = RejectWriter::new(Vec::new(), &headers, Delimiter::COMMA, false).unwrap();
    let mut record = Record::default();
    records.next(&mut record).unwrap();
    writer.write(&record, "").unwrap();
    assert_eq!(read(writer.finish().unwrap()).rows, [[""]]);
}

#[test]
fn formulas_are_marked_and_read_back() {
    let text = "=head,b\n=1+1,+49 170\n-5,@x\n\"\tx\",\"\ry\"\n'=1,'x\na-b,＝1\n";
    let written = rejected(text, true);
    let again = read(&written);
    assert_eq!(again.headers, ["error", "'=head", "b"]);
    for row in &again.rows {
        assert!(row.iter().all(|cell| excel_safe(cell) == *cell), "{row:?}");
    }
    for (row, first) in again.rows.iter().zip(read(text).rows) {
        for (cell, first) in row[1..].iter().zip(first) {
            assert_eq!(without_mark(cell), without_mark(&first));
        }
    }
    // Prefixed once, however often it is rejected.
    assert_eq!(read(rejected(&written, true)).rows, again.rows);
}

#[test]
fn only_what_begins_like_a_formula_is_marked() {
    for cell in ["", "a", "1", "a=b", " =1", "'", "''=1", "é", "O'Neil"] {
        assert_eq!(excel_safe(cell), cell);
        assert_eq!(without_mark(cell), cell);
    }
    for cell in ["=1", "+1", "-1", "@a", "\tx", "\rx", "\nx", "＋1"] {
        assert_eq!(excel_safe(cell), format!("'{cell}"));
        assert_eq!(without_mark(&excel_safe(cell)), cell);
    }
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let headers = ["a".to_owned()];
    let writer = RejectWriter::new(Full, &headers, Delimiter::COMMA, false).unwrap();
    let error = writer.finish().err().unwrap();
    assert_eq!(error.to_string(), "cannot write the rejected records");
    assert_eq!(error.causes().len(), 1);
}
