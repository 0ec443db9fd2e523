//! One record; its memory is reused for the next one.

use std::{fmt, mem};

use super::encoding::{Decoding, windows_1252};
use crate::domain::import::Fields;

/// Room beyond the length of the last record: the next one usually has a similar length.
const ROOM: usize = 64;
/// The memory of a longer record is not kept for the next one: a thousand records may be buffered.
const KEPT: usize = 64 * 1024;

/// One record of a file, to be filled repeatedly by [`super::Records::next`].
#[derive(Clone, Default)]
pub struct Record {
    number: u64,
    line: u64,
    /// The fields, with `gap` bytes between them; `ends` contains the end of each.
    text: String,
    ends: Vec<usize>,
    /// 1 for a line that was taken unparsed, with its delimiters.
    gap: usize,
    len: usize,
    is_damaged: bool,
    is_plain: bool,
    /// Swapped with `text` if decoding changes the length of fields.
    spare: String,
}

impl Record {
    /// Its number among the data records, starting at 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The line of the file on which it begins, as a text editor counts.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The number of fields, which may differ from that of the headers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if it has no fields, as before it is filled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The field at `i`, counted from 0, as written in the file.
    pub fn get(&self, i: usize) -> Option<&str> {
        let ends = self.ends.get(..self.len)?;
        let end = *ends.get(i)?;
        let start = match i {
            0 => 0,
            i => ends[i - 1] + self.gap,
        };
        self.text.get(start..end)
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len).filter_map(|i| self.get(i))
    }

    /// Returns `true` if it contained bytes that are invalid in the file's encoding; each became
    /// U+FFFD.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    pub(super) fn set_number(&mut self, number: u64) {
        self.number = number;
    }

    /// Empties the record and lends its memory, to be returned with [`Record::fill`].
    pub(super) fn begin(&mut self) -> Parts {
        self.let_go();
        self.line = 0;
        self.number = 0;
        self.len = 0;
        self.gap = 0;
        self.is_damaged = false;
        let mut bytes = mem::take(&mut self.text).into_bytes();
        // Only the used part is zeroed again: the capacity may be that of a much longer record.
        bytes.resize(bytes.len() + bytes.len() / 4 + ROOM, 0);
        let mut ends = mem::take(&mut self.ends);
        if ends.is_empty() {
            ends.resize(ROOM, 0);
        }
        Parts { bytes, ends }
    }

    /// The number of bytes it holds.
    pub(crate) fn size(&self) -> usize {
        self.text.len()
    }

    fn let_go(&mut self) {
        if self.text.capacity() > KEPT {
            self.text = String::new();
            self.spare = String::new();
        }
        if self.ends.capacity() > KEPT {
            self.ends = Vec::new();
        }
    }

    /// Fills it with the record `text` on `line`, which has no quotes.
    pub(super) fn fill_plain(
        &mut self,
        line: u64,
        text: &[u8],
        delimiters: impl Iterator<Item = usize>,
        decoding: &mut Decoding,
    ) {
        self.let_go();
        let mut raw = mem::take(&mut self.text).into_bytes();
        raw.clear();
        raw.extend_from_slice(text);
        let mut ends = mem::take(&mut self.ends);
        ends.clear();
        ends.extend(delimiters);
        ends.push(text.len());
        self.gap = 1;
        self.is_damaged = false;
        let used = (raw.len(), ends.len());
        self.fill(line, Parts { bytes: raw, ends }, used, decoding);
    }

    /// Fills it with the record that begins on `line`: takes the first `used` bytes and ends of
    /// `parts` and decodes them.
    pub(super) fn fill(
        &mut self,
        line: u64,
        parts: Parts,
        used: (usize, usize),
        decoding: &mut Decoding,
    ) {
        self.line = line;
        let (bytes, ends) = used;
        let mut raw = parts.bytes;
        raw.truncate(bytes);
        // Every byte is checked, which compiles to a few instructions for many of them.
        let is_printable = |plain, byte: &u8| plain & matches!(byte, b' '..=b'~');
        self.is_plain = raw.iter().fold(true, is_printable);
        self.ends = parts.ends;
        self.len = ends;
        if *decoding == Decoding::Windows1252 && !raw.is_ascii() {
            return self.decode(raw, *decoding);
        }
        match String::from_utf8(raw) {
            Ok(text) if self.is_plain || text.is_ascii() => self.text = text,
            Ok(text) if self.has_ends_between_characters(&text) => {
                match *decoding {
                    Decoding::Undecided => *decoding = Decoding::Utf8,
                    // Invalid UTF-16 became this character earlier.
                    Decoding::Utf16(_) => self.is_damaged = text.contains('\u{FFFD}'),
                    Decoding::Utf8 | Decoding::Windows1252 => {}
                }
                self.text = text;
            }
            Ok(text) => self.decide_and_decode(text.into_bytes(), decoding),
            Err(error) => self.decide_and_decode(error.into_bytes(), decoding),
        }
    }

    /// The bytes of two fields can look like one character.
    fn has_ends_between_characters(&self, text: &str) -> bool {
        self.ends[..self.len]
            .iter()
            .all(|&end| text.is_char_boundary(end))
    }

    fn decide_and_decode(&mut self, raw: Vec<u8>, decoding: &mut Decoding) {
        if *decoding == Decoding::Undecided {
            let mut fields = fields(&raw, &self.ends[..self.len], self.gap);
            let decided = fields.find_map(Decoding::decided_by);
            *decoding = decided.unwrap_or(Decoding::Utf8);
        }
        self.decode(raw, *decoding);
    }

    fn decode(&mut self, mut raw: Vec<u8>, decoding: Decoding) {
        let mut text = mem::take(&mut self.spare);
        text.clear();
        let mut start = 0;
        let gap = mem::take(&mut self.gap);
        for end in &mut self.ends[..self.len] {
            let field = &raw[start..*end];
            start = *end + gap;
            if decoding == Decoding::Windows1252 {
                for &byte in field {
                    let character = windows_1252(byte);
                    self.is_damaged |= character == '\u{FFFD}';
                    text.push(character);
                }
            } else {
                for chunk in field.utf8_chunks() {
                    text.push_str(chunk.valid());
                    if !chunk.invalid().is_empty() {
                        self.is_damaged = true;
                        text.push('\u{FFFD}');
                    }
                }
            }
            *end = text.len();
        }
        self.text = text;
        raw.clear();
        self.spare = String::from_utf8(raw).unwrap_or_default();
    }
}

/// The memory of a [`Record`] while it is read.
pub(super) struct Parts {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

impl Parts {
    pub(super) fn more_bytes(&mut self) {
        self.bytes.resize(self.bytes.len() * 2, 0);
    }

    pub(super) fn more_ends(&mut self) {
        self.ends.resize(self.ends.len() * 2, 0);
    }
}

fn fields<'a>(raw: &'a [u8], ends: &'a [usize], gap: usize) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map(move |&end| {
        let field = &raw[start..end];
        start = end + gap;
        field
    })
}

/// Excludes the fields: they belong to patients, and this may end up in a log.
impl Fields for Record {
    fn count(&self) -> usize {
        self.len
    }

    fn field(&self, place: usize) -> Option<&str> {
        self.get(place)
    }

    fn is_plain(&self) -> bool {
        self.is_plain
    }

    fn has_nul(&self) -> bool {
        memchr::memchr(0, self.text.as_bytes()).is_some()
    }

    fn is_damaged(&self) -> bool {
        self.is_damaged
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("number", &self.number)
            .field("line", &self.line)
            .field("len", &self.len)
            .field("is_damaged", &self.is_damaged)
            .finish_non_exhaustive()
    }
}
