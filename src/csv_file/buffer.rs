//! A read buffer that can be inspected before anything is consumed.

use std::io::{self, Read};

/// Like `BufReader`, with two differences: it can be filled beyond one read, and an error is
/// reported only after the data read before it has been consumed.
pub(super) struct Buffer<R> {
    inner: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
    failure: Option<io::Error>,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(inner: R, capacity: usize) -> Self {
        Self {
            inner,
            bytes: vec![0; capacity],
            start: 0,
            end: 0,
            is_at_end: false,
            failure: None,
        }
    }

    pub(super) fn inner(&self) -> &R {
        &self.inner
    }

    pub(super) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The bytes read and not yet consumed.
    pub(super) fn available(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Returns `true` if nothing follows [`Buffer::available`].
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Fills the buffer up to `most` bytes, or as far as they can be read.
    pub(super) fn peek(&mut self, most: usize) -> &[u8] {
        let most = (self.start + most).min(self.bytes.len());
        while self.end < most && !self.is_at_end && self.failure.is_none() {
            match self.inner.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.is_at_end = true,
                Ok(count) => self.end += count,
                Err(error) => self.failure = Some(error),
            }
        }
        self.available()
    }

    /// Reads more when all is consumed; `false` at the end.
    pub(super) fn refill(&mut self) -> io::Result<bool> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.is_at_end {
            return Ok(false);
        }
        self.start = 0;
        self.end = 0;
        self.end = self.inner.read(&mut self.bytes)?;
        self.is_at_end = self.end == 0;
        Ok(!self.is_at_end)
    }
}

impl<R: Read> Read for Buffer<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.available();
        if !available.is_empty() {
            let count = available.len().min(buffer.len());
            buffer[..count].copy_from_slice(&available[..count]);
            self.consume(count);
            return Ok(count);
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.is_at_end {
            return Ok(0);
        }
        // After the initial peek, nothing is copied twice.
        self.inner.read(buffer)
    }
}
