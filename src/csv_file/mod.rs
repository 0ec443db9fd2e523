//! CSV files of any common encoding, delimiter and compression, detected from their contents;
//! reading takes constant memory.
//!
//! ```text
//! file → decompression → UTF-16 to UTF-8, if needed → csv-core → fields to UTF-8
//! ```
//!
//! Windows-1252 is decoded field by field after the parser, because a file that starts as ASCII
//! shows only later which of the two it is. The detected format is in [`Format`].

mod buffer;
mod decompress;
mod delimiter;
mod encoding;
mod lines;
mod record;
mod records;
mod reject;
#[cfg(test)]
mod round_trip_tests;
mod source;
#[cfg(test)]
mod testing;
mod utf16;

use std::{
    fs::File,
    io::{self, Read, Seek as _},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

pub use decompress::Compression;
pub use delimiter::Delimiter;
pub use encoding::TextEncoding;
pub use record::Record;
pub use records::Records;
pub use reject::RejectWriter;

use self::{decompress::Decompress, source::Source};
use crate::error::{Context as _, Error, Result};

/// The name used for standard input.
const STDIN: &str = "standard input";
const CHUNK: usize = 128 * 1024;

/// Known properties of a file; the rest is detected.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The encoding if there is no byte order mark.
    pub encoding: Option<TextEncoding>,
    /// The delimiter, which takes precedence over a `sep=` line.
    pub delimiter: Option<Delimiter>,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Format {
    /// The encoding; UTF-8 also for a file that is ASCII so far.
    pub encoding: TextEncoding,
    /// `true` if it begins with a byte order mark.
    pub with_bom: bool,
    /// The character between fields.
    pub delimiter: Delimiter,
    /// The compression, if any.
    pub compression: Option<Compression>,
}

/// A CSV file that can be read more than once.
#[derive(Debug)]
pub struct CsvFile {
    name: String,
    file: Arc<File>,
    size: u64,
}

impl CsvFile {
    /// Opens the file at `path`. A pipe, which can be read only once, is spooled.
    ///
    /// # Errors
    /// `NotFound` if it does not exist; `BadInput` for a folder; `Failure` if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Error::not_found(format!("file {shown} not found")).hint("check the path")
            }
            _ => Error::failure(format!("cannot open {shown}")).because(error),
        })?;
        let metadata = file.metadata().context(format!("cannot open {shown}"))?;
        if metadata.is_dir() {
            return Err(
                Error::bad_input(format!("{shown} is a folder")).hint("use a CSV file in it")
            );
        }
        let name = path.file_name().map_or_else(
            || shown.to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        if !metadata.is_file() {
            return Self::spool_as(name, file);
        }
        Ok(Self {
            name,
            file: Arc::new(file),
            size: metadata.len(),
        })
    }

    /// Reads all of standard input into a temporary file without a name, because it contains
    /// patients: no other user can open it, and it is gone when the process ends.
    pub fn spool(input: impl Read) -> Result<Self> {
        Self::spool_as(STDIN.to_owned(), input)
    }

    fn spool_as(name: String, mut input: impl Read) -> Result<Self> {
        let what = format!("cannot store {name} in a temporary file");
        let mut file = tempfile::tempfile().context(what.as_str())?;
        io::copy(&mut input, &mut file).context(what.as_str())?;
        let size = file.stream_position().context(what)?;
        Ok(Self {
            name,
            file: Arc::new(file),
            size,
        })
    }

    /// The name without folders, or "standard input".
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of stored bytes: the compressed size if the file is compressed.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the stored bytes, which are read for it.
    pub fn sha256(&self) -> Result<[u8; 32]> {
        let mut source = self.source();
        let mut hash = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(count) => hash.update(&buffer[..count]),
                Err(error) => {
                    let error = source.take_failure().unwrap_or(error);
                    return Err(Error::failure(format!("cannot read {}", self.name)).because(error));
                }
            }
        }
    }

    /// The records from the start of the file, regardless of earlier reads.
    ///
    /// # Errors
    /// `BadInput` for an empty file, an unknown `sep=`, and a header that cannot be read; `Failure`
    /// if the file cannot be read.
    pub fn records(&self, options: &ReadOptions) -> Result<Records> {
        let mut start = [0; 4];
        let known = self
            .file
            .read_at(&mut start, 0)
            .context(format!("cannot read {}", self.name))?;
        let compression = Compression::detect(&start[..known]);
        let stored = Decompress::new(self.source(), compression);
        Records::new(&self.name, stored, compression, options)
    }

    fn source(&self) -> Source {
        Source::new(Arc::clone(&self.file), self.size)
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
