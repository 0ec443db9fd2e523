//! Streaming decompression of Gzip and Zstandard, detected by their first bytes.

use std::{
    error::Error as StdError,
    io::{self, BufRead as _, BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::source::Source;

/// Number of bytes read from the file at once.
const CHUNK: usize = 128 * 1024;

named_enum! {
    /// The compression of a file, regardless of its name.
    pub enum Compression as "compression" {
        Gzip = "gzip", "Gzip, including several members";
        Zstandard = "zstandard", "Zstandard, including several frames";
    }
}

impl Compression {
    /// Detects the compression of a file that begins with `start`.
    pub(super) fn detect(start: &[u8]) -> Option<Self> {
        match start {
            [0x1F, 0x8B, 0x08, ..] => Some(Self::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Self::Zstandard),
            // A skippable frame (RFC 8878 §3.1.2), with which parallel compressors begin.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstandard),
            _ => None,
        }
    }
}

/// The bytes of the text, decompressed if necessary.
pub(super) enum Decompress {
    Plain(Source),
    Gzip(Box<MultiGzDecoder<BufReader<Source>>>),
    Zstandard(Box<Zstandard>),
}

impl Decompress {
    pub(super) fn new(source: Source, compression: Option<Compression>) -> Self {
        let chunked = |source| BufReader::with_capacity(CHUNK, source);
        match compression {
            None => Self::Plain(source),
            Some(Compression::Gzip) => Self::Gzip(Box::new(MultiGzDecoder::new(chunked(source)))),
            Some(Compression::Zstandard) => {
                Self::Zstandard(Box::new(Zstandard::new(chunked(source))))
            }
        }
    }

    pub(super) fn source(&self) -> &Source {
        match self {
            Self::Plain(source) => source,
            Self::Gzip(decoder) => decoder.get_ref().get_ref(),
            Self::Zstandard(decoder) => decoder.source.get_ref(),
        }
    }

    pub(super) fn source_mut(&mut self) -> &mut Source {
        match self {
            Self::Plain(source) => source,
            Self::Gzip(decoder) => decoder.get_mut().get_mut(),
            Self::Zstandard(decoder) => decoder.source.get_mut(),
        }
    }
}

impl Read for Decompress {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstandard(decoder) => decoder.read(buffer),
        }
    }
}

/// Decodes one frame after another and compares their checksums, which the decoder leaves to its
/// caller.
///
/// The decoder refuses windows above 128 MiB, which bounds the memory.
pub(super) struct Zstandard {
    source: BufReader<Source>,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl Zstandard {
    fn new(source: BufReader<Source>) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            is_in_frame: false,
        }
    }

    /// Begins the next frame; `false` at the end.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.is_in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.skip(u64::from(length))?,
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
        if skipped < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.is_in_frame = false;
        let stored = self.decoder.get_checksum_from_data();
        if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum does not match",
            ));
        }
        Ok(())
    }
}

impl Read for Zstandard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.is_in_frame || self.begin_frame()? {
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.end_frame()?;
        }
        Ok(0)
    }
}

/// Returns `true` if a decompressor failed because its input ended, however deeply the cause is
/// nested.
pub(super) fn ended_early(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return true;
    }
    let mut next: Option<&(dyn StdError + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = next {
        if inner
            .downcast_ref::<io::Error>()
            .is_some_and(|inner| inner.kind() == io::ErrorKind::UnexpectedEof)
        {
            return true;
        }
        next = inner.source();
    }
    false
}

#[cfg(test)]
#[path = "decompress_tests.rs"]
mod tests;
