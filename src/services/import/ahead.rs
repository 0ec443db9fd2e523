//! Reads a file ahead in a separate thread, so that splitting it into records and checking these
//! use one core each. Used chunks are returned and refilled, which limits memory. Checking alone
//! does not depend on other rows, so several threads check chunks in turn.

use std::{
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
};

use crate::{
    csv_file::{Format, Record, Records},
    domain::import::Fault,
    error::{Error, Result},
};

/// Maximum size of a chunk, in records and in bytes. The last record may exceed the latter.
const CHUNK: usize = 512;
const CHUNK_BYTES: usize = 256 * 1024;
/// Maximum number of queued chunks.
const WAITING: usize = 2;

/// Records that were read ahead.
pub(super) struct ReadAhead {
    filled: Receiver<Result<Chunk>>,
    used: std::sync::mpsc::Sender<Chunk>,
    current: Chunk,
    /// Index of the next record in the chunk.
    next: usize,
}

/// Some records, and the position in the file after them.
pub(super) struct Chunk {
    records: Vec<Record>,
    /// Number of valid elements.
    len: usize,
    bytes_read: u64,
    format: Format,
    is_last: bool,
    /// The faults found, with the index of their record; empty if the chunk was not checked.
    pub(super) faults: Vec<(usize, Vec<Fault>)>,
}

impl Chunk {
    fn new(format: Format) -> Self {
        Self {
            records: Vec::new(),
            len: 0,
            bytes_read: 0,
            format,
            is_last: false,
            faults: Vec::new(),
        }
    }

    pub(super) fn records(&self) -> &[Record] {
        self.records.get(..self.len).unwrap_or_default()
    }

    /// Returns the number of bytes of the file read up to the end of the chunk.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Returns the format of the file, based on the part read so far.
    pub(super) fn format(&self) -> Format {
        self.format
    }
}

/// Reads the whole file, checks each chunk with `judge` and passes the chunks to `take` in their
/// order, until `take` returns `false`. `judge` runs in `workers` threads in turn.
///
/// # Errors
/// Errors of reading the file and of `take`.
pub(super) fn judge_all(
    records: Records,
    workers: usize,
    judge: impl Fn(&mut Chunk) + Sync,
    mut take: impl FnMut(&Chunk) -> Result<bool>,
) -> Result<()> {
    thread::scope(|scope| {
        let (used, to_reader) = channel();
        let (mut to_judge, mut judged) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (filled, unjudged) = sync_channel::<Result<Chunk>>(WAITING);
            let (done, of_worker) = sync_channel(WAITING);
            to_judge.push(filled);
            judged.push(of_worker);
            let judge = &judge;
            start(scope, "check", move || {
                for mut chunk in unjudged {
                    if let Ok(chunk) = &mut chunk {
                        judge(chunk);
                    }
                    if done.send(chunk).is_err() {
                        return;
                    }
                }
            })?;
        }
        start(scope, "csv", move || read(records, &to_judge, &to_reader))?;
        for of_worker in judged.iter().cycle() {
            let chunk = of_worker.recv().map_err(thread_died)??;
            let goes_on = take(&chunk)?;
            if chunk.is_last || !goes_on {
                break;
            }
            // The reader accepts no chunks after its end.
            let _ = used.send(chunk);
        }
        // Threads that still read or check end when the channels are closed.
        Ok(())
    })
}

fn start<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() + Send + 'scope,
) -> Result<()> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn_scoped(scope, work).map_err(no_thread)?;
    Ok(())
}

fn no_thread(error: std::io::Error) -> Error {
    Error::failure("could not start a thread to read the file").because(error)
}

fn thread_died(error: std::sync::mpsc::RecvError) -> Error {
    Error::failure("the thread that reads the file has panicked")
        .because(error)
        .hint("this is a bug in tenantctl; report it with the command you ran")
}

impl ReadAhead {
    /// Starts reading.
    ///
    /// # Errors
    /// `Failure` if the thread cannot be started.
    pub(super) fn start(records: Records) -> Result<Self> {
        let (filled, from_reader) = sync_channel(WAITING);
        let (used, to_reader) = channel();
        let current = Chunk::new(records.format());
        thread::Builder::new()
            .name("csv".to_owned())
            .spawn(move || read(records, &[filled], &to_reader))
            .map_err(no_thread)?;
        Ok(Self {
            filled: from_reader,
            used,
            current,
            next: 0,
        })
    }

    /// Returns the next record; `None` at the end.
    ///
    /// # Errors
    /// Errors of reading the file.
    pub(super) fn next(&mut self) -> Result<Option<&Record>> {
        while self.next == self.current.len {
            if self.current.is_last {
                return Ok(None);
            }
            let chunk = self.filled.recv().map_err(thread_died)??;
            // The reader accepts no chunks after its end.
            let _ = self.used.send(std::mem::replace(&mut self.current, chunk));
            self.next = 0;
        }
        self.next += 1;
        Ok(self.current.records.get(self.next - 1))
    }

    /// Returns the number of bytes of the file read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.current.bytes_read
    }

    /// Returns the format of the file, based on the part read so far.
    pub(super) fn format(&self) -> Format {
        self.current.format
    }
}

/// Fills chunks for the receivers in turn, until the end of the file or until a receiver is closed.
fn read(mut records: Records, takers: &[SyncSender<Result<Chunk>>], used: &Receiver<Chunk>) {
    for taker in takers.iter().cycle() {
        let mut chunk = used
            .try_recv()
            .unwrap_or_else(|_| Chunk::new(records.format()));
        let result = fill(&mut records, &mut chunk);
        let is_over = result.is_err() || chunk.is_last;
        if taker.send(result.map(|()| chunk)).is_err() || is_over {
            return;
        }
    }
}

fn fill(records: &mut Records, chunk: &mut Chunk) -> Result<()> {
    chunk.records.resize_with(CHUNK, Record::default);
    chunk.len = 0;
    chunk.is_last = false;
    chunk.faults.clear();
    let mut bytes = 0;
    for record in &mut chunk.records {
        if bytes > CHUNK_BYTES {
            break;
        }
        if !records.next(record)? {
            chunk.is_last = true;
            break;
        }
        bytes += record.size();
        chunk.len += 1;
    }
    chunk.bytes_read = records.bytes_read();
    chunk.format = records.format();
    Ok(())
}
