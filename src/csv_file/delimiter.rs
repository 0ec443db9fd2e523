//! The character between fields, and its detection.

use std::{fmt, str::FromStr};

use csv_core::{ReadRecordResult, ReaderBuilder};

use crate::{
    error::{Error, Result},
    suggest::unknown_name,
};

/// Number of first records used for detection.
const RECORDS: usize = 20;
/// The delimiters; the first one wins a tie.
const KNOWN: [(u8, &str); 4] = [
    (b',', "comma"),
    (b';', "semicolon"),
    (b'\t', "tab"),
    (b'|', "pipe"),
];

/// The character between two fields: a comma, a semicolon, a tab or a pipe.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Delimiter(u8);

impl Delimiter {
    pub const COMMA: Self = Self(b',');
    pub const SEMICOLON: Self = Self(b';');
    pub const TAB: Self = Self(b'\t');
    pub const PIPE: Self = Self(b'|');

    /// The character.
    pub const fn as_byte(self) -> u8 {
        self.0
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        let known = KNOWN.iter().find(|(byte, _)| *byte == self.0);
        known.map_or("comma", |(_, name)| name)
    }

    /// All names.
    pub fn names() -> [&'static str; 4] {
        KNOWN.map(|(_, name)| name)
    }

    /// Detects the delimiter from `sample`, the start of a file; `is_whole` if nothing follows it.
    ///
    /// It is the one that splits the header into the most fields, and at least half of the next
    /// records into as many: text that contains commas must not win over the semicolons around it.
    pub(super) fn detect(sample: &[u8], is_whole: bool) -> Self {
        let mut best = (Self::COMMA, (false, 1, 0));
        let candidates = KNOWN.iter().filter(|(byte, _)| sample.contains(byte));
        for &(byte, _) in candidates {
            let counts = field_counts(sample, is_whole, byte);
            let Some((&header, following)) = counts.split_first() else {
                continue;
            };
            let same = following.iter().filter(|&&count| count == header).count();
            let score = (same * 2 >= following.len(), header, same);
            if header > 1 && score > best.1 {
                best = (Self(byte), score);
            }
        }
        best.0
    }
}

/// The number of fields in each of the first records.
fn field_counts(sample: &[u8], is_whole: bool, delimiter: u8) -> Vec<usize> {
    let mut core = ReaderBuilder::new().delimiter(delimiter).build();
    let mut fields = vec![0; sample.len() + 1];
    let mut ends = vec![0; sample.len() + 2];
    let mut counts = Vec::new();
    let (mut rest, mut count) = (sample, 0);
    while counts.len() < RECORDS {
        let (result, taken, _, ended) = core.read_record(rest, &mut fields, &mut ends);
        rest = &rest[taken..];
        count += ended;
        match result {
            ReadRecordResult::Record => {
                counts.push(count);
                count = 0;
            }
            // A header longer than the sample is judged by its start.
            ReadRecordResult::InputEmpty if is_whole || counts.is_empty() && count > 0 => {
                rest = &[];
            }
            _ => break,
        }
    }
    counts
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Delimiter {
    type Err = Error;

    /// Accepts the name and the character itself, also `\t` as shells pass it on.
    fn from_str(text: &str) -> Result<Self> {
        let text = if text == "\\t" { "\t" } else { text };
        let known = KNOWN
            .iter()
            .find(|(byte, name)| *name == text || [*byte] == *text.as_bytes());
        known
            .map(|(byte, _)| Self(*byte))
            .ok_or_else(|| unknown_name("delimiter", text, &Self::names()))
    }
}

/// The line `sep=;` that declares the delimiter for Excel.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct SepLine {
    /// The declared character, known or not.
    pub(super) character: u8,
    /// Its length without the line end.
    pub(super) length: usize,
}

impl SepLine {
    /// Detects a `sep=` line at the start of the file, with or without quotes around it.
    pub(super) fn detect(start: &[u8]) -> Option<Self> {
        let end = start
            .iter()
            .take(16)
            .position(|byte| matches!(byte, b'\n' | b'\r'))
            .unwrap_or(start.len());
        let line = &start[..end];
        let bare = match line {
            [b'"', bare @ .., b'"'] => bare,
            bare => bare,
        };
        match bare {
            [prefix @ .., character] if prefix.eq_ignore_ascii_case(b"sep=") => Some(Self {
                character: *character,
                length: line.len(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "delimiter_tests.rs"]
mod tests;
