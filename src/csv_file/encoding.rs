//! Text encodings and their detection.

/// Number of first bytes inspected to detect UTF-16 without a byte order mark.
const LOOKED_AT: usize = 4096;

named_enum! {
    /// A text encoding of a CSV file.
    pub enum TextEncoding as "encoding" {
        Utf8 = "utf-8", "UTF-8, including ASCII";
        Utf16Le = "utf-16le", "UTF-16, little endian: \"Unicode text\" of Excel";
        Utf16Be = "utf-16be", "UTF-16, big endian";
        Windows1252 = "windows-1252", "Windows-1252: the CSV format of Excel in western Europe and America";
    }
}

/// The encoding declared by a byte order mark at the beginning of `start`, and the mark's length.
pub(super) fn byte_order_mark(start: &[u8]) -> Option<(TextEncoding, usize)> {
    match start {
        [0xEF, 0xBB, 0xBF, ..] => Some((TextEncoding::Utf8, 3)),
        [0xFF, 0xFE, ..] => Some((TextEncoding::Utf16Le, 2)),
        [0xFE, 0xFF, ..] => Some((TextEncoding::Utf16Be, 2)),
        _ => None,
    }
}

/// Detects UTF-16 without a byte order mark by the position of its NUL bytes: column names, digits
/// and delimiters are ASCII, with NUL as the other byte, in every script.
///
/// Two adjacent ASCII characters are a rare unit of UTF-16, but are what an ASCII file with a few
/// stray NUL bytes consists of.
pub(super) fn utf16_by_its_nul_bytes(start: &[u8]) -> Option<TextEncoding> {
    let sample = &start[..start.len().min(LOOKED_AT)];
    let is_text = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let (mut little, mut big, mut neither) = (0, 0, 0);
    for &[first, second] in sample.as_chunks::<2>().0 {
        match (first, second) {
            (first, 0) if is_text(first) => little += 1,
            (0, second) if is_text(second) => big += 1,
            (first, second) if is_text(first) && is_text(second) => neither += 1,
            _ => {}
        }
    }
    let is_clear = |one: usize, other: usize| one >= 2 && one > neither && other <= one / 8;
    if is_clear(little, big) {
        Some(TextEncoding::Utf16Le)
    } else if is_clear(big, little) {
        Some(TextEncoding::Utf16Be)
    } else {
        None
    }
}

/// The known encoding of the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Decoding {
    /// ASCII so far, and no encoding was given.
    Undecided,
    Utf8,
    Windows1252,
    /// Already transcoded to UTF-8, from this byte order.
    Utf16(TextEncoding),
}

impl Decoding {
    pub(super) fn encoding(self) -> TextEncoding {
        match self {
            Self::Undecided | Self::Utf8 => TextEncoding::Utf8,
            Self::Windows1252 => TextEncoding::Windows1252,
            Self::Utf16(encoding) => encoding,
        }
    }

    /// The decision made by the first non-ASCII character of `field`, if there is one.
    pub(super) fn decided_by(field: &[u8]) -> Option<Self> {
        let valid = match std::str::from_utf8(field) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        if !field[..valid].is_ascii() {
            Some(Self::Utf8)
        } else if valid < field.len() {
            Some(Self::Windows1252)
        } else {
            None
        }
    }
}

/// 0x80 to 0x9F of Windows-1252; five of them are not assigned.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{FFFD}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{FFFD}', 'Ž',
    '\u{FFFD}', '\u{FFFD}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{FFFD}',
    'ž', 'Ÿ',
];

/// The character of a Windows-1252 byte; U+FFFD if none is assigned.
pub(super) fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
#[path = "encoding_tests.rs"]
mod tests;
