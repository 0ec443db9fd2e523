//! UTF-16 as a stream of UTF-8.

use std::io::{self, Read};

const CHUNK: usize = 64 * 1024;
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Reads UTF-16 of either byte order, without its byte order mark. An unpaired surrogate and an odd
/// last byte become U+FFFD.
pub(super) struct Utf16<R> {
    inner: R,
    is_big_endian: bool,
    raw: Vec<u8>,
    /// The first byte of a unit, and the first unit of a pair, at the end of the last chunk.
    half: Option<u8>,
    high: Option<u16>,
    text: String,
    at: usize,
    is_at_end: bool,
}

impl<R: Read> Utf16<R> {
    pub(super) fn new(inner: R, is_big_endian: bool) -> Self {
        Self {
            inner,
            is_big_endian,
            raw: vec![0; CHUNK],
            half: None,
            high: None,
            text: String::new(),
            at: 0,
            is_at_end: false,
        }
    }

    pub(super) fn inner(&self) -> &R {
        &self.inner
    }

    pub(super) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    fn decode_chunk(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        let count = self.inner.read(&mut self.raw)?;
        if count == 0 {
            self.is_at_end = true;
            if self.high.take().is_some() {
                self.text.push(REPLACEMENT);
            }
            if self.half.take().is_some() {
                self.text.push(REPLACEMENT);
            }
            return Ok(());
        }
        let to_unit = |bytes: [u8; 2]| {
            if self.is_big_endian {
                u16::from_be_bytes(bytes)
            } else {
                u16::from_le_bytes(bytes)
            }
        };
        let mut bytes = &self.raw[..count];
        if let (Some(half), [first, rest @ ..]) = (self.half, bytes) {
            bytes = rest;
            push(&mut self.text, &mut self.high, to_unit([half, *first]));
        }
        let (units, rest) = bytes.as_chunks::<2>();
        for unit in units {
            push(&mut self.text, &mut self.high, to_unit(*unit));
        }
        self.half = rest.first().copied();
        Ok(())
    }
}

#[inline]
fn push(text: &mut String, high: &mut Option<u16>, unit: u16) {
    if let Some(first) = high.take() {
        match char::decode_utf16([first, unit]).next() {
            Some(Ok(pair)) => return text.push(pair),
            _ => text.push(REPLACEMENT),
        }
    }
    match unit {
        0xD800..=0xDBFF => *high = Some(unit),
        _ => text.push(char::from_u32(u32::from(unit)).unwrap_or(REPLACEMENT)),
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.is_at_end {
            self.decode_chunk()?;
        }
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
