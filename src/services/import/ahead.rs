//! Reads a file ahead in a thread of its own, so that splitting it into records and checking these
//! take a core each. What was used comes back to be filled again: memory stays flat.

use std::{
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
};

use crate::{
    csv_file::{Format, Record, Records},
    error::{Error, Result},
};

/// Records of a chunk.
const CHUNK: usize = 256;
/// Chunks that wait at most.
const WAITING: usize = 4;

/// Records that were read ahead.
pub(super) struct ReadAhead {
    filled: Receiver<Result<Chunk>>,
    used: std::sync::mpsc::Sender<Chunk>,
    current: Chunk,
    /// The place of the next record in the chunk.
    next: usize,
}

/// Some records, and how far the file was read with them.
struct Chunk {
    records: Vec<Record>,
    /// How many of them count.
    len: usize,
    bytes_read: u64,
    format: Format,
    is_last: bool,
}

impl ReadAhead {
    /// Begins to read.
    ///
    /// # Errors
    /// `Failure` where the system has no thread to give.
    pub(super) fn start(records: Records) -> Result<Self> {
        let (filled, from_reader) = sync_channel(WAITING);
        let (used, to_reader) = channel();
        let current = Chunk {
            records: Vec::new(),
            len: 0,
            bytes_read: 0,
            format: records.format(),
            is_last: false,
        };
        thread::Builder::new()
            .name("csv".to_owned())
            .spawn(move || read(records, &filled, &to_reader))
            .map_err(|error| Error::failure("no thread to read the file in").because(error))?;
        Ok(Self {
            filled: from_reader,
            used,
            current,
            next: 0,
        })
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// What the file cannot be read on for.
    pub(super) fn next(&mut self) -> Result<Option<&Record>> {
        while self.next == self.current.len {
            if self.current.is_last {
                return Ok(None);
            }
            let chunk = self.filled.recv().map_err(|error| {
                Error::failure("the thread that reads the file died")
                    .because(error)
                    .hint(
                        "this is a mistake in tenantctl; please report it with the command you ran",
                    )
            })??;
            // Where the reader is at its end it takes nothing back.
            let _ = self.used.send(std::mem::replace(&mut self.current, chunk));
            self.next = 0;
        }
        self.next += 1;
        Ok(self.current.records.get(self.next - 1))
    }

    /// Bytes of the file that are read, as it is stored.
    pub(super) fn bytes_read(&self) -> u64 {
        self.current.bytes_read
    }

    /// How the file is written, by what was read so far.
    pub(super) fn format(&self) -> Format {
        self.current.format
    }
}

/// Fills chunks until the file is at its end or nobody wants them.
fn read(mut records: Records, filled: &SyncSender<Result<Chunk>>, used: &Receiver<Chunk>) {
    loop {
        let mut chunk = used.try_recv().unwrap_or_else(|_| Chunk {
            records: Vec::new(),
            len: 0,
            bytes_read: 0,
            format: records.format(),
            is_last: false,
        });
        let result = fill(&mut records, &mut chunk);
        let is_last = chunk.is_last;
        let is_over = result.is_err() || is_last;
        if filled.send(result.map(|()| chunk)).is_err() || is_over {
            return;
        }
    }
}

fn fill(records: &mut Records, chunk: &mut Chunk) -> Result<()> {
    chunk.records.resize_with(CHUNK, Record::default);
    chunk.len = 0;
    chunk.is_last = false;
    for record in &mut chunk.records {
        if !records.next(record)? {
            chunk.is_last = true;
            break;
        }
        chunk.len += 1;
    }
    chunk.bytes_read = records.bytes_read();
    chunk.format = records.format();
    Ok(())
}
