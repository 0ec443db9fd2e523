//! Output files of a command.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::App;
use crate::{
    error::Result,
    files::{self, Existing, Readers},
    hint::Hint,
    output::{Page, View},
};

impl App {
    /// The handling of an existing file, according to `--overwrite`.
    pub fn existing(&self) -> Existing {
        Existing::of_flag(self.global.overwrite)
    }

    /// Fails early if [`App::write_file`] would fail after long work.
    pub fn expect_writable(&self, path: &Path) -> Result<()> {
        match files::is_stdout(path) {
            true => Ok(()),
            false => files::expect_writable(path, self.existing()),
        }
    }

    /// Writes `text` to a file given by the caller, and reports it; `what` describes it: `the
    /// report`. `-` is standard output. A dry run only reports what it would write.
    pub fn write_file(&self, path: &Path, text: &str, readers: Readers, what: &str) -> Result<()> {
        if files::is_stdout(path) {
            return self.printer.raw(text);
        }
        if self.global.dry_run {
            self.expect_writable(path)?;
            self.printer.done(&format!(
                "dry run: would write {what} to {}",
                path.display()
            ));
            return Ok(());
        }
        files::write(path, text.as_bytes(), self.existing(), readers)?;
        self.printer
            .done(&format!("wrote {what} to {}", path.display()));
        Ok(())
    }

    /// Prints `text`, or writes it to the file given with `--out`.
    pub fn print_or_write(&self, out: Option<&Path>, text: &str, what: &str) -> Result<()> {
        match out {
            None => self.printer.raw(text),
            Some(path) => self.write_file(path, text, Readers::Usual, what),
        }
    }
}

/// The result of a command that writes files.
#[derive(Debug, Serialize)]
pub struct Written {
    /// `false` in a dry run.
    pub written: bool,
    pub files: Vec<PathBuf>,
    #[serde(skip)]
    pub summary: String,
    #[serde(skip)]
    pub next: Vec<Hint>,
}

impl View for Written {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        Some(match self.written {
            true => format!("wrote {}", self.summary),
            false => format!("dry run: would write {}", self.summary),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match self.written {
            true => self.next.clone(),
            false => Vec::new(),
        }
    }
}
