//! The records of a file, in order.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::{
    Delimiter, Format, ReadOptions, Record, TextEncoding,
    buffer::Buffer,
    decompress::{Compression, Decompress, ended_early},
    delimiter::SepLine,
    encoding::{Decoding, byte_order_mark, utf16_by_its_nul_bytes},
    lines::Lines,
    utf16::Utf16,
};
use crate::error::{Error, Result};

/// Number of first bytes from which the encoding and the delimiter are detected.
const SAMPLE: usize = 64 * 1024;
const BUFFER: usize = 256 * 1024;
/// A longer record is assumed to result from an unclosed quote.
const LONGEST_RECORD: usize = 1024 * 1024;

/// The text as bytes of UTF-8, or of Windows-1252.
enum Text {
    Bytes(Buffer<Decompress>),
    Utf16(Utf16<Buffer<Decompress>>),
}

impl Text {
    fn stored(&self) -> &Decompress {
        match self {
            Self::Bytes(bytes) => bytes.inner(),
            Self::Utf16(utf16) => utf16.inner().inner(),
        }
    }

    fn stored_mut(&mut self) -> &mut Decompress {
        match self {
            Self::Bytes(bytes) => bytes.inner_mut(),
            Self::Utf16(utf16) => utf16.inner_mut().inner_mut(),
        }
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => bytes.read(buffer),
            Self::Utf16(utf16) => utf16.read(buffer),
        }
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Reading,
    AtEnd,
    Failed,
}

/// The records of a [`super::CsvFile`], from its start, in constant memory.
pub struct Records {
    name: String,
    text: Buffer<Text>,
    core: Box<csv_core::Reader>,
    delimiter: Delimiter,
    compression: Option<Compression>,
    with_bom: bool,
    decoding: Decoding,
    headers: Vec<String>,
    lines: Lines,
    number: u64,
    state: State,
}

impl Records {
    pub(super) fn new(
        name: &str,
        stored: Decompress,
        compression: Option<Compression>,
        options: &ReadOptions,
    ) -> Result<Self> {
        let mut bytes = Buffer::new(stored, SAMPLE);
        let (decoding, mark) = detect_encoding(bytes.peek(SAMPLE), options.encoding);
        bytes.consume(mark);
        let text = match decoding {
            Decoding::Utf16(order) => {
                Text::Utf16(Utf16::new(bytes, order == TextEncoding::Utf16Be))
            }
            _ => Text::Bytes(bytes),
        };
        let mut text = Buffer::new(text, BUFFER);
        // A read error here is reported after the records before it were read.
        let sep = SepLine::detect(text.peek(SAMPLE));
        if let Some(sep) = &sep {
            text.consume(sep.length);
        }
        let delimiter = match (options.delimiter, &sep) {
            (Some(delimiter), _) => delimiter,
            (None, Some(sep)) => named_by(sep, name)?,
            (None, None) => Delimiter::detect(text.available(), text.is_at_end()),
        };
        let core = ReaderBuilder::new().delimiter(delimiter.as_byte()).build();
        let mut records = Self {
            name: name.to_owned(),
            text,
            core: Box::new(core),
            delimiter,
            compression,
            with_bom: mark > 0,
            decoding,
            headers: Vec::new(),
            lines: Lines::default(),
            number: 0,
            state: State::Reading,
        };
        let mut first = Record::default();
        if !records.skip_line_ends()? || !records.read(&mut first)? {
            return Err(Error::bad_input(format!("{name} is empty"))
                .hint("the first line must contain the column names"));
        }
        records.headers = first.iter().map(|name| name.trim().to_owned()).collect();
        Ok(records)
    }

    /// The names of the columns, trimmed.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The detected or given format. A file that is ASCII so far is reported as UTF-8 and may turn
    /// out to be Windows-1252 later.
    pub fn format(&self) -> Format {
        Format {
            encoding: self.decoding.encoding(),
            with_bom: self.with_bom,
            delimiter: self.delimiter,
            compression: self.compression,
        }
    }

    /// The number of stored bytes read, including read-ahead.
    pub fn bytes_read(&self) -> u64 {
        self.text.inner().stored().source().at()
    }

    /// Reads the next record into `record`; `false` at the end of the file.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] for a record that is too long or incomplete and for
    /// damaged compression, with the line; `Failure` if the file cannot be read further. After an
    /// error there are no more records.
    pub fn next(&mut self, record: &mut Record) -> Result<bool> {
        match self.state {
            State::Reading => {}
            State::AtEnd => {
                record.begin();
                return Ok(false);
            }
            State::Failed => {
                return Err(Error::failure(format!(
                    "cannot continue reading {} after an error",
                    self.name
                )));
            }
        }
        self.state = State::Failed;
        let found = self.skip_line_ends()? && (self.take_line(record) || self.read(record)?);
        if found {
            self.number += 1;
            record.set_number(self.number);
            self.state = State::Reading;
        } else {
            record.begin();
            self.state = State::AtEnd;
        }
        Ok(found)
    }

    /// Takes the next line as a record if that is the whole record: it is in the buffer, and
    /// nothing in it is quoted. Most records are like this, and need no parser.
    fn take_line(&mut self, record: &mut Record) -> bool {
        let available = self.text.available();
        let Some(length) = memchr::memchr2(b'\n', b'"', available) else {
            return false;
        };
        let text = match &available[..length] {
            _ if available[length] == b'"' => return false,
            [text @ .., b'\r'] => text,
            text => text,
        };
        if text.is_empty() || memchr::memchr(b'\r', text).is_some() {
            return false;
        }
        let delimiters = memchr::memchr_iter(self.delimiter.as_byte(), text);
        record.fill_plain(self.lines.number(), text, delimiters, &mut self.decoding);
        self.text.consume(length + 1);
        self.lines.pass_line();
        true
    }

    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let mut parts = record.begin();
        let line = self.lines.number();
        let (mut length, mut out, mut ends) = (0, 0, 0);
        let mut is_at_end = false;
        loop {
            if self.text.available().is_empty() && !is_at_end {
                is_at_end = !self.refill()?;
            }
            let before = self.core.line();
            // Only inside quotes does a line end not finish the last record.
            let input = if is_at_end {
                b"\n"
            } else {
                self.text.available()
            };
            let (result, taken, more_out, more_ends) =
                self.core
                    .read_record(input, &mut parts.bytes[out..], &mut parts.ends[ends..]);
            if !is_at_end {
                self.lines.pass(&input[..taken], self.core.line() - before);
                self.text.consume(taken);
            }
            length += taken;
            out += more_out;
            ends += more_ends;
            if length > LONGEST_RECORD {
                return Err(too_long(&self.name, line));
            }
            match result {
                ReadRecordResult::InputEmpty if is_at_end => {
                    return Err(not_closed(&self.name, line));
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => parts.more_bytes(),
                ReadRecordResult::OutputEndsFull => parts.more_ends(),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
        }
        record.fill(line, parts, (out, ends), &mut self.decoding);
        Ok(true)
    }

    /// Skips the end of the last line and blank lines, so that the line on which a record begins is
    /// known; the parser counts neither CR nor the lines that it skips. `false` at the end.
    fn skip_line_ends(&mut self) -> Result<bool> {
        loop {
            let available = self.text.available();
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let count = available.iter().take_while(|byte| is_end(byte)).count();
            for &byte in &available[..count] {
                self.lines.pass_end(byte);
            }
            let is_all = count == available.len();
            self.text.consume(count);
            if !is_all {
                return Ok(true);
            }
            if !self.refill()? {
                return Ok(false);
            }
        }
    }

    fn refill(&mut self) -> Result<bool> {
        self.text.refill().map_err(|error| {
            let stored = self.text.inner_mut().stored_mut();
            let failure = stored.source_mut().take_failure();
            let name = &self.name;
            match (failure, self.compression) {
                (None, Some(compression)) => {
                    let at = stored.source().at();
                    damaged(name, compression, self.lines.number(), at, error)
                }
                (failure, _) => Error::failure(format!(
                    "cannot read {name} beyond line {}",
                    self.lines.number()
                ))
                .because(failure.unwrap_or(error)),
            }
        })
    }
}

/// The encoding of bytes that begin with `start`, and the length of their byte order mark.
fn detect_encoding(start: &[u8], given: Option<TextEncoding>) -> (Decoding, usize) {
    let marked = byte_order_mark(start);
    let length = marked.map_or(0, |(_, length)| length);
    let encoding = marked
        .map(|(encoding, _)| encoding)
        .or(given)
        .or_else(|| utf16_by_its_nul_bytes(start));
    let decoding = match encoding {
        None => Decoding::Undecided,
        Some(TextEncoding::Utf8) => Decoding::Utf8,
        Some(TextEncoding::Windows1252) => Decoding::Windows1252,
        Some(utf16) => Decoding::Utf16(utf16),
    };
    (decoding, length)
}

fn named_by(sep: &SepLine, name: &str) -> Result<Delimiter> {
    let text = char::from(sep.character).to_string();
    text.parse().map_err(|_: Error| {
        Error::bad_input(format!(
            "{name} begins with a line sep= that names {text:?}, which is not a supported delimiter"
        ))
        .hint(format!(
            "remove that line, or use one of {} in the file",
            Delimiter::names().join(", ")
        ))
    })
}

fn too_long(name: &str, line: u64) -> Error {
    Error::bad_input(format!(
        "the record that begins on line {line} of {name} is longer than 1 MiB"
    ))
    .hint(format!(
        "is a quote (\") on or after line {line} not closed? Inside a field, a quote is written twice"
    ))
}

fn not_closed(name: &str, line: u64) -> Error {
    Error::bad_input(format!(
        "{name} ends inside quotes, in the record that begins on line {line}"
    ))
    .hint(format!(
        "close the quote (\") opened on line {line}; if the end is missing, export the file again"
    ))
}

fn damaged(name: &str, compression: Compression, line: u64, at: u64, error: io::Error) -> Error {
    let what = if ended_early(&error) {
        "ends too early"
    } else {
        "is damaged"
    };
    Error::bad_input(format!(
        "the {compression} data of {name} {what}: readable up to line {line}, in the first {at} bytes"
    ))
    .hint("copy or export the file again")
    .because(error)
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
