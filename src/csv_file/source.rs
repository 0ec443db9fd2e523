//! The stored bytes: a regular file, read by position, so that several readers share one handle.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

/// Reads a file from its start to the size it had when it was opened.
///
/// It remembers its own failure: an error from a decompressor is either damage in the data or such
/// a failure passed on, and only this can distinguish them.
#[derive(Debug)]
pub(super) struct Source {
    file: Arc<File>,
    at: u64,
    size: u64,
    failure: Option<io::Error>,
}

impl Source {
    pub(super) fn new(file: Arc<File>, size: u64) -> Self {
        Self {
            file,
            at: 0,
            size,
            failure: None,
        }
    }

    /// The number of bytes read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        let passed_on = io::Error::from(error.kind());
        self.failure = Some(error);
        passed_on
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        if most == 0 {
            return Ok(0);
        }
        loop {
            match self.file.read_at(&mut buffer[..most], self.at) {
                Ok(0) => {
                    return Err(self.fail(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "it became shorter while it was being read",
                    )));
                }
                Ok(count) => {
                    self.at += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fail(error)),
            }
        }
    }
}
