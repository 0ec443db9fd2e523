//! Reads a file ahead in a thread of its own, so that splitting it into records and checking these
//! take a core each. What was used comes back to be filled again: memory stays flat. Checking alone
//! needs no order of its rows, so several threads take chunks in turn.

use std::{
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
};

use crate::{
    csv_file::{Format, Record, Records},
    domain::import::Fault,
    error::{Error, Result},
};

/// Records of a chunk, and their bytes, of which the last record may have more.
const CHUNK: usize = 512;
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait at most.
const WAITING: usize = 2;

/// Records that were read ahead.
pub(super) struct ReadAhead {
    filled: Receiver<Result<Chunk>>,
    used: std::sync::mpsc::Sender<Chunk>,
    current: Chunk,
    /// The place of the next record in the chunk.
    next: usize,
}

/// Some records, and how far the file was read with them.
pub(super) struct Chunk {
    records: Vec<Record>,
    /// Number of those that count.
    len: usize,
    bytes_read: u64,
    format: Format,
    is_last: bool,
    /// What was found wrong with which of them, where somebody looked.
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

    /// Bytes of the file that are read with it, as it is stored.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The way the file is written, by what was read so far.
    pub(super) fn format(&self) -> Format {
        self.format
    }
}

/// Reads the whole file, has each chunk judged and gives the chunks to `take` in their order, until
/// that says false. `judge` runs in `workers` threads, which take turns.
///
/// # Errors
/// What the file cannot be read on for, and what `take` returns.
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
            // Where the reader is at its end it takes nothing back.
            let _ = used.send(chunk);
        }
        // Who still reads or judges ends with the channels.
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
    Error::failure("no thread to read the file in").because(error)
}

fn thread_died(error: std::sync::mpsc::RecvError) -> Error {
    Error::failure("the thread that reads the file died")
        .because(error)
        .hint("this is a mistake in tenantctl; please report it with the command you ran")
}

impl ReadAhead {
    /// Begins to read.
    ///
    /// # Errors
    /// `Failure` where the system has no thread to give.
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

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// What the file cannot be read on for.
    pub(super) fn next(&mut self) -> Result<Option<&Record>> {
        while self.next == self.current.len {
            if self.current.is_last {
                return Ok(None);
            }
            let chunk = self.filled.recv().map_err(thread_died)??;
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

    /// The way the file is written, by what was read so far.
    pub(super) fn format(&self) -> Format {
        self.current.format
    }
}

/// Fills chunks for the takers in turn, until the file is at its end or nobody wants them.
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
