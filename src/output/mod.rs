//! All output: data on stdout, messages on stderr.
//!
//! A command returns a [`View`], a [`Listing`] or plain text; only the [`Printer`] selects a table,
//! JSON, YAML or CSV, and only it writes to a stream.

pub mod diff;
pub mod editor;
pub mod escape;
mod invocation;
pub mod list;
pub mod log;
pub mod matrix;
pub mod options;
pub mod page;
pub mod printer;
pub mod progress;
pub mod prompt;
pub mod redact;
mod rehearsed;
pub mod style;
pub mod table;

pub(crate) mod encode;
mod error;

pub use diff::unified_diff;
pub use editor::edit_document;
pub use invocation::{Invocation, Takes, Taking};
pub use list::{Listing, Record};
pub use log::{LogLines, LogThread, LogWriter};
pub use matrix::{Mark, Matrix, MatrixRow};
pub use options::{ColorChoice, Format, PrinterOptions};
pub use page::Page;
pub use printer::{Captured, Printer, View};
pub use progress::Progress;
pub use prompt::{Assent, Confirmed, Prompter};
pub use redact::redact;
pub use rehearsed::Rehearsed;
pub use style::{Cell, Style, Tone};

/// The width of the terminal on stdout or stderr, if one of them is a terminal.
pub fn terminal_width() -> Option<u16> {
    let terminal = dialoguer::console::Term::stdout();
    terminal.size_checked().map(|(_rows, columns)| columns)
}
