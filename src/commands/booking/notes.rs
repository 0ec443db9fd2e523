//! Notes, from an argument or from a file, which other users of the machine cannot see.

use clap::{Args, ValueHint};

use crate::{
    app::App,
    commands::input::TextSource,
    error::{Error, Result},
};

/// `--notes`, `--notes-file`.
#[derive(Args, Debug)]
pub struct NotesArgs {
    /// Notes. Arguments are visible to other users of this machine and are kept in the shell's
    /// history: see --notes-file.
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,

    #[command(flatten)]
    file: NotesFile,
}

impl NotesArgs {
    /// Returns the notes, if any. `none` is the way to have none, for the hint.
    ///
    /// # Errors
    /// `Usage` if the argument is empty; the errors of [`TextSource::read`].
    pub(in crate::commands) async fn read(&self, app: &App, none: &str) -> Result<Option<String>> {
        match &self.notes {
            Some(notes) if notes.trim().is_empty() => {
                Err(Error::usage("--notes is empty").hint(format!("to have no notes: {none}")))
            }
            Some(notes) => Ok(Some(notes.clone())),
            None => self.file.read(app).await,
        }
    }
}

/// `--notes-file`
#[derive(Args, Debug)]
pub struct NotesFile {
    /// Read the notes from this file; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "notes")]
    notes_file: Option<TextSource>,
}

impl NotesFile {
    /// Reads the notes, if a file is given.
    ///
    /// # Errors
    /// Same as [`TextSource::read`].
    pub async fn read(&self, app: &App) -> Result<Option<String>> {
        match &self.notes_file {
            // The line break at the end belongs to the file, not to the notes.
            Some(source) => Ok(Some(source.read(app).await?.trim_end().to_owned())),
            None => Ok(None),
        }
    }
}
