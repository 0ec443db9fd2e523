//! The character between fields, and how it is found out.

use std::{fmt, str::FromStr};

use csv_core::{ReadRecordResult, ReaderBuilder};

use crate::{
    domain::suggest::unknown_name,
    error::{Error, Result},
};

/// So many first records decide.
const RECORDS: usize = 20;
/// The delimiters, those that win a tie first.
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

    /// The names of all of them.
    pub fn names() -> [&'static str; 4] {
        KNOWN.map(|(_, name)| name)
    }

    /// The one that `sample`, the beginning of a file, is written with; `is_whole` when nothing
    /// follows it.
    ///
    /// It gives the header the most fields, and at least half of the next records as many: text
    /// with commas in it must not win over the semicolons around it.
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

/// How many fields each of the first records has.
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
            // A header longer than the sample is judged by its beginning.
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

    /// Understands the name and the character itself, also `\t` as shells pass it on.
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

/// The line `sep=;` with which Excel is told the delimiter.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct SepLine {
    /// What it names, known or not.
    pub(super) character: u8,
    /// Its length without the line end.
    pub(super) length: usize,
}

impl SepLine {
    /// The one at the beginning of `start`, with or without quotes around it.
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
