//! Log lines written to stderr, without passwords.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::{Printer, redact};

/// Maximum delay of a line that is batched with others, unless it is a warning or an error.
const WAIT: Duration = Duration::from_millis(50);

/// This many bytes are written without delay.
const BATCH: usize = 64 * 1024;

/// Passes on a line without passwords.
fn redacted(line: &[u8], write: impl FnOnce(&str)) {
    // It is usually UTF-8, and checking that is faster.
    let text = str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    write(&redact(&text));
}

/// Writes each line immediately.
#[derive(Clone)]
pub struct LogWriter(Printer);

impl LogWriter {
    pub(super) const fn new(printer: Printer) -> Self {
        Self(printer)
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        redacted(bytes, |text| self.0.write_stderr(text.as_bytes()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the lines of a server, possibly thousands per second, in batches with a
/// short delay. If the process is killed, the last lines are lost, but no warnings.
#[derive(Clone)]
pub struct LogLines(Arc<Shared>);

struct Shared {
    printer: Printer,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: String,
    /// The writer thread has ended.
    ended: bool,
}

/// Writes the batched lines; on drop, all remaining ones.
pub struct LogThread {
    lines: LogLines,
    thread: Option<JoinHandle<()>>,
}

impl LogThread {
    /// Starts the thread, and returns the writer for it.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(super) fn start(printer: Printer) -> io::Result<(LogLines, Self)> {
        let lines = LogLines(Arc::new(Shared {
            printer,
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }));
        let written = lines.clone();
        let thread = thread::Builder::new().name("log".to_owned());
        let thread = Some(thread.spawn(move || written.follow())?);
        let this = Self {
            lines: lines.clone(),
            thread,
        };
        Ok((lines, this))
    }
}

impl Drop for LogThread {
    fn drop(&mut self) {
        self.lines.lock().ended = true;
        self.lines.0.changed.notify_all();
        // The thread has no result.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

impl LogLines {
    fn follow(&self) {
        let changed = &self.0.changed;
        let mut waiting = self.lock();
        loop {
            waiting = changed
                .wait_while(waiting, |waiting| waiting.text.is_empty() && !waiting.ended)
                .unwrap_or_else(PoisonError::into_inner);
            (waiting, _) = changed
                .wait_timeout_while(waiting, WAIT, |waiting| !waiting.ended)
                .unwrap_or_else(PoisonError::into_inner);
            self.write_out(&mut waiting);
            if waiting.ended {
                return;
            }
        }
    }

    fn add(&self, line: &[u8], is_urgent: bool) {
        redacted(line, |text| {
            let mut waiting = self.lock();
            let is_first = waiting.text.is_empty();
            waiting.text.push_str(text);
            if is_urgent || waiting.ended || waiting.text.len() >= BATCH {
                self.write_out(&mut waiting);
            } else if is_first {
                self.0.changed.notify_one();
            }
        });
    }

    /// Runs under the lock, so that lines stay in order and loggers wait if stderr is slow.
    fn write_out(&self, waiting: &mut Waiting) {
        if !waiting.text.is_empty() {
            self.0.printer.write_stderr(waiting.text.as_bytes());
            waiting.text.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        let waiting = &self.0.waiting;
        waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            lines: self,
            is_urgent: true,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter {
            lines: self,
            is_urgent: *metadata.level() <= Level::WARN,
        }
    }
}

/// Writes one line.
pub struct LineWriter<'a> {
    lines: &'a LogLines,
    is_urgent: bool,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.add(bytes, self.is_urgent);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_line_is_written_without_passwords() {
        let (printer, captured) = Printer::captured();
        let text = b"connecting to postgres://u:p@h/d\n";
        printer.log_writer().write_all(text).unwrap();
        assert_eq!(captured.stderr(), "connecting to postgres://u:***@h/d\n");
    }

    #[test]
    fn a_line_is_written_when_it_has_waited_and_a_warning_before() {
        let (printer, captured) = Printer::captured();
        let (lines, thread) = printer.log_lines().unwrap();
        lines.add(b"password=x\n", false);
        let begun = Instant::now();
        while captured.stderr().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            thread::yield_now();
        }
        lines.add(b"a\n", false);
        lines.add(b"a warning\n", true);
        assert_eq!(captured.stderr(), "password=***\na\na warning\n");
        drop(thread);
        lines.add(b"nothing follows\n", false);
        assert!(captured.stderr().ends_with("nothing follows\n"));
    }

    #[test]
    fn what_waits_at_the_end_is_written_however_early_that_is() {
        for _ in 0..100 {
            let (printer, captured) = Printer::captured();
            let (lines, thread) = printer.log_lines().unwrap();
            lines.add(b"a\n", false);
            drop(thread);
            assert_eq!(captured.stderr(), "a\n");
        }
    }

    #[test]
    fn lines_of_many_threads_come_whole_and_in_the_order_of_each() {
        let (printer, captured) = Printer::captured();
        let (lines, guard) = printer.log_lines().unwrap();
        let (threads, each) = (4, 10_000);
        thread::scope(|scope| {
            for thread in 0..threads {
                let lines = &lines;
                scope.spawn(move || {
                    for line in 0..each {
                        lines.add(format!("{thread} {line}\n").as_bytes(), line % 1_000 == 0);
                    }
                });
            }
        });
        drop(guard);
        let mut next = vec![0; threads];
        for line in captured.stderr().lines() {
            let (thread, number) = line.split_once(' ').unwrap();
            let thread: usize = thread.parse().unwrap();
            assert_eq!(number, next[thread].to_string());
            next[thread] += 1;
        }
        assert_eq!(next, vec![each; threads]);
    }
}
