//! The only place that writes to stdout and stderr.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::MultiProgress;
use serde::Serialize;

use super::diff::unified_diff;
use super::encode::{self, CsvEncoder};
use super::list::{self, Listing, Record};
use super::log::{LogLines, LogThread, LogWriter};
use super::options::{Format, PrinterOptions};
use super::page::Page;
use super::progress::Progress;
use super::prompt::Prompter;
use super::style::{Style, Tone};
use crate::error::{Error, Result};
use crate::hint::Hint;

/// Writes are batched to this size.
const CHUNK: usize = 64 * 1024;

/// The result of a command.
pub trait View: Serialize {
    /// Lays it out for display.
    fn human(&self, page: &mut Page);

    /// One line that reports the change; `None` for reads.
    fn summary(&self) -> Option<String> {
        None
    }

    /// Commands to run next, or to undo it.
    fn next(&self) -> Vec<Hint> {
        Vec::new()
    }

    /// Warnings for the user.
    fn warnings(&self) -> Vec<Hint> {
        Vec::new()
    }
}

/// Prints data to stdout and messages to stderr; cheap to clone, all clones share the streams.
#[derive(Clone)]
pub struct Printer {
    inner: Arc<Inner>,
}

struct Inner {
    options: PrinterOptions,
    stdout: Stream,
    stderr: Stream,
    /// Progress bars are suspended while something else is written.
    bars: MultiProgress,
    /// Another program is using the terminal.
    terminal_lent: AtomicBool,
}

struct Stream {
    style: Style,
    writer: Mutex<Box<dyn Write + Send>>,
}

impl Stream {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        // A panic while writing does not leave a writer in an inconsistent state.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.lock();
        writer.write_all(bytes)?;
        writer.flush()
    }
}

impl Printer {
    /// Creates a printer on the process's streams.
    pub fn new(options: PrinterOptions) -> Self {
        Self::with_writers(options, Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// Creates a printer on other streams.
    pub fn with_writers(
        options: PrinterOptions,
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
    ) -> Self {
        let stream = |terminal, writer| Stream {
            style: Style::of(&options, terminal),
            writer: Mutex::new(writer),
        };
        let stdout = stream(options.stdout_terminal, stdout);
        let stderr = stream(options.stderr_terminal, stderr);
        Self {
            inner: Arc::new(Inner {
                options,
                stdout,
                stderr,
                bars: MultiProgress::new(),
                terminal_lent: AtomicBool::new(false),
            }),
        }
    }

    /// Creates a printer for tests, with readable output: tables, no terminal.
    pub fn captured() -> (Self, Captured) {
        Self::captured_with(PrinterOptions::default())
    }

    /// Creates a printer for tests, with readable output.
    pub fn captured_with(options: PrinterOptions) -> (Self, Captured) {
        let captured = Captured::default();
        let printer = Self::with_writers(
            options,
            Box::new(captured.stdout.clone()),
            Box::new(captured.stderr.clone()),
        );
        (printer, captured)
    }

    /// The options of the printer.
    pub fn options(&self) -> &PrinterOptions {
        &self.inner.options
    }

    /// The format of stdout.
    pub fn format(&self) -> Format {
        self.inner.options.format
    }

    /// The style of stdout.
    pub fn style(&self) -> Style {
        self.inner.stdout.style
    }

    /// Prints an object, then its summary and next commands.
    pub fn view<V: View>(&self, view: &V) -> Result<()> {
        let mut out = Vec::new();
        match self.format() {
            Format::Table => {
                let mut page = Page::new(self.style(), self.options().invocation.clone());
                view.human(&mut page);
                out = page.finish().into_bytes();
            }
            Format::Json => encode::json_pretty(view, &mut out)?,
            Format::Yaml => encode::yaml(view, &mut out)?,
            Format::Csv => CsvEncoder::new(self.options().excel_safe).record(view, &mut out)?,
            Format::Ndjson => {
                encode::json_compact(view, &mut out)?;
                out.push(b'\n');
            }
        }
        self.data(&out)?;
        for warning in view.warnings() {
            self.warn(warning);
        }
        if let Some(summary) = view.summary() {
            self.done(&summary);
        }
        for command in view.next() {
            self.talk("next: ", Tone::Dim, &self.complete(&command));
        }
        Ok(())
    }

    /// Prints a list as its rows arrive: in constant memory in every format but the table, which
    /// has pages.
    pub async fn list<T: Record>(&self, listing: Listing<T>) -> Result<()> {
        let mut reader_gone = false;
        let emit = |chunk: &[u8]| {
            let written = self.write_stdout(chunk);
            reader_gone = matches!(&written, Err(error) if is_closed_pipe(error));
            written.map_err(unwritable)
        };
        let outcome = list::write(listing, self.options(), self.style(), CHUNK, emit).await;
        let outcome = match outcome {
            Err(_) if reader_gone => return Ok(()),
            outcome => outcome?,
        };
        if let Some(more) = outcome.more {
            // Printed even with --quiet: nothing is truncated silently.
            self.say("note: ", Tone::Bold, &self.complete(&more));
        }
        if outcome.shown == 0 && self.format() == Format::Table {
            self.note(outcome.empty);
        }
        Ok(())
    }

    /// Prints a text to stdout unchanged: completions, manual pages, instructions.
    pub fn raw(&self, text: &str) -> Result<()> {
        self.data(text.as_bytes())
    }

    /// Prints a note on stderr, unless `--quiet`.
    pub fn note(&self, text: impl Into<Hint>) {
        self.talk("", Tone::Plain, &self.complete(&text.into()));
    }

    /// Reports a completed action on stderr, unless `--quiet`.
    pub fn done(&self, text: &str) {
        let tick = if self.inner.stderr.style.terminal {
            "✓ "
        } else {
            ""
        };
        self.talk(tick, Tone::Ok, text);
    }

    /// Prints a warning on stderr, even with `--quiet`.
    pub fn warn(&self, text: impl Into<Hint>) {
        self.say("warning: ", Tone::Warn, &self.complete(&text.into()));
    }

    /// Prints the pending change between two texts on stderr, even with `--quiet`.
    pub fn diff(&self, before: &str, after: &str) {
        let diff = unified_diff(&self.inner.stderr.style, before, after);
        self.write_stderr(diff.as_bytes());
    }

    /// Returns `true` if another program (an editor) is using the terminal, so that it handles
    /// Ctrl-C.
    pub fn terminal_is_lent(&self) -> bool {
        self.inner.terminal_lent.load(Ordering::Relaxed)
    }

    pub(super) fn set_terminal_lent(&self, lent: bool) {
        self.inner.terminal_lent.store(lent, Ordering::Relaxed);
    }

    /// Prints an error on stderr: as text, or as JSON if the output is structured.
    pub fn error(&self, error: &Error) {
        let invocation = &self.inner.options.invocation;
        let text = if self.format().structures_errors() {
            let mut json = super::error::json(error, invocation);
            json.push('\n');
            json
        } else {
            super::error::text(error, invocation, &self.inner.stderr.style)
        };
        self.write_stderr(text.as_bytes());
    }

    /// Completes the commands of a hint so that they select the same database, organization and
    /// user as this invocation. For data; hints on stderr are completed when printed.
    pub fn complete(&self, hint: &Hint) -> String {
        self.inner.options.invocation.complete(hint)
    }

    /// Shows progress of unknown length.
    pub fn spinner(&self, what: &str) -> Progress {
        Progress::start(self, what, None)
    }

    /// Shows the progress of a job of `total` items; `None` if the total is unknown.
    pub fn progress(&self, what: &str, total: Option<u64>) -> Progress {
        Progress::start(self, what, total)
    }

    /// The prompter.
    pub fn prompter(&self) -> Prompter {
        Prompter::new(self.clone())
    }

    /// A writer for log lines to stderr, without passwords. Each write is one whole event.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter::new(self.clone())
    }

    /// Like [`Printer::log_writer`], for many lines: a thread writes them, the last of them when it
    /// is dropped.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn log_lines(&self) -> io::Result<(LogLines, LogThread)> {
        LogThread::start(self.clone())
    }

    pub(super) fn bars(&self) -> &MultiProgress {
        &self.inner.bars
    }

    pub(super) fn stderr_style(&self) -> Style {
        self.inner.stderr.style
    }

    /// Prints a message that `--quiet` suppresses. A script that reads JSON reads the error on
    /// stderr as JSON too, so no message may precede it.
    pub(super) fn talk(&self, label: &str, tone: Tone, text: &str) {
        let options = &self.inner.options;
        let for_a_script = self.format().structures_errors() && !options.stderr_terminal;
        if !options.quiet && !for_a_script {
            self.say(label, tone, text);
        }
    }

    /// Prints a message that is never suppressed.
    pub(super) fn say(&self, label: &str, tone: Tone, text: &str) {
        let style = self.inner.stderr.style;
        self.write_stderr(super::error::labelled(&style, label, tone, text).as_bytes());
    }

    fn data(&self, bytes: &[u8]) -> Result<()> {
        match self.write_stdout(bytes) {
            Err(error) if !is_closed_pipe(&error) => Err(unwritable(error)),
            _ => Ok(()),
        }
    }

    fn write_stdout(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.bars().suspend(|| self.inner.stdout.write(bytes))
    }

    /// If stderr cannot be written, the error cannot be reported.
    pub(super) fn write_stderr(&self, bytes: &[u8]) {
        let _unheard = self.bars().suspend(|| self.inner.stderr.write(bytes));
    }
}

fn unwritable(error: io::Error) -> Error {
    Error::failure("cannot write to standard output").because(error)
}

fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// The output of a [`Printer::captured`].
#[derive(Clone, Default)]
pub struct Captured {
    stdout: SharedBuffer,
    stderr: SharedBuffer,
}

impl Captured {
    /// Everything written to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Everything written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }
}

#[derive(Clone, Default)]
struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl SharedBuffer {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }
}

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "printer_tests.rs"]
mod tests;
