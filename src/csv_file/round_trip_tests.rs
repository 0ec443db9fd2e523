//! Tables written in every format are read back unchanged.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    Delimiter, ReadOptions, TextEncoding,
    testing::{encode, gzip, read_with, zstandard},
};

#[derive(Clone, Debug)]
struct Written {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    encoding: TextEncoding,
    with_bom: bool,
    delimiter: Delimiter,
    line_end: &'static str,
    is_always_quoted: bool,
    compress: fn(&[u8]) -> Vec<u8>,
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

/// Characters of Windows-1252, which every encoding has.
fn cell() -> impl Strategy<Value = String> {
    let characters = select("abc 01,;|\t\"\r\n'=éß€“ÿ\0".chars().collect::<Vec<_>>());
    vec(characters, 0..12).prop_map(String::from_iter)
}

fn written() -> impl Strategy<Value = Written> {
    let line_ends = select(vec!["\n", "\r\n", "\r"]);
    let compressions = select(vec![plain as fn(&[u8]) -> Vec<u8>, gzip, zstandard]);
    let delimiters = select(vec![
        Delimiter::COMMA,
        Delimiter::SEMICOLON,
        Delimiter::TAB,
        Delimiter::PIPE,
    ]);
    (
        vec(cell(), 1..5),
        vec(vec(cell(), 1..6), 0..8),
        select(TextEncoding::ALL),
        any::<bool>(),
        delimiters,
        line_ends,
        any::<bool>(),
        compressions,
    )
        .prop_map(
            |(
                headers,
                rows,
                encoding,
                with_bom,
                delimiter,
                line_end,
                is_always_quoted,
                compress,
            )| {
                Written {
                    headers,
                    rows,
                    encoding,
                    with_bom: with_bom && encoding != TextEncoding::Windows1252,
                    delimiter,
                    line_end,
                    is_always_quoted,
                    compress,
                }
            },
        )
}

impl Written {
    fn bytes(&self) -> Vec<u8> {
        let mut text = String::from(if self.with_bom { "\u{FEFF}" } else { "" });
        for row in std::iter::once(&self.headers).chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(|cell| self.cell(cell, row.len())).collect();
            let delimiter = char::from(self.delimiter.as_byte()).to_string();
            text.push_str(&cells.join(&delimiter));
            text.push_str(self.line_end);
        }
        (self.compress)(&encode(&text, self.encoding))
    }

    fn cell(&self, cell: &str, count: usize) -> String {
        let is_special = |c: char| matches!(c, ',' | ';' | '|' | '\t' | '"' | '\r' | '\n');
        let is_blank_line = cell.is_empty() && count == 1;
        if self.is_always_quoted || is_blank_line || cell.contains(is_special) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    }

    /// The line on which each row begins, counting line ends in cells, of either kind.
    fn lines(&self) -> Vec<u64> {
        let ends = |cell: &String| {
            let joined = cell.replace("\r\n", "\n").replace('\r', "\n");
            joined.matches('\n').count() as u64
        };
        let mut line = 1;
        let mut lines = Vec::new();
        for row in std::iter::once(&self.headers).chain(&self.rows) {
            lines.push(line);
            line += 1 + row.iter().map(ends).sum::<u64>();
        }
        lines.split_off(1)
    }
}

proptest! {
    #[test]
    fn a_table_is_read_back(written in written()) {
        let options = ReadOptions {
            encoding: (!written.with_bom).then_some(written.encoding),
            delimiter: Some(written.delimiter),
        };
        let table = read_with(&written.bytes(), &options).unwrap();
        let headers: Vec<&str> = written.headers.iter().map(|name| name.trim()).collect();
        prop_assert_eq!(table.headers, headers);
        prop_assert_eq!(&table.rows, &written.rows);
        prop_assert_eq!(table.lines, written.lines());
        prop_assert!(!table.damaged.contains(&true));
        prop_assert_eq!(table.format.with_bom, written.with_bom);
        prop_assert_eq!(table.format.encoding, written.encoding);
    }

    /// Lines without quotes bypass the parser: both paths have to agree, whatever is between them.
    #[test]
    fn any_text_is_read_as_the_csv_crate_reads_it(
        text in vec(select(vec!["a", "1", " ", ",", ",", "\n", "\n", "\r\n", "\r", "\"", "\"\"", "é"]), 0..60),
    ) {
        let text = format!("x,y\n{}", text.concat());
        let options = ReadOptions {
            encoding: Some(TextEncoding::Utf8),
            delimiter: ",".parse().ok(),
        };
        let mut peer = csv::ReaderBuilder::new();
        let mut peer = peer.flexible(true).from_reader(text.as_bytes());
        let expected: Vec<Vec<String>> = peer
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        // Input that ends inside quotes is an error here and a record there.
        if let Ok(table) = read_with(text.as_bytes(), &options) {
            prop_assert_eq!(table.rows, expected);
        }
    }
}
