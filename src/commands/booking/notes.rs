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
    #[arg(long, value_name = "TEXT", conflicts_with = "notes_file")]
    notes: Option<String>,

    /// The file with the notes; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    notes_file: Option<TextSource>,
}

impl NotesArgs {
    /// Returns the notes, if any. `none` is the way to have none, for the hint.
    ///
    /// # Errors
    /// `Usage` if the argument is empty; the errors of [`TextSource::read`].
    pub(in crate::commands) async fn read(&self, app: &App, none: &str) -> Result<Option<String>> {
        match (&self.notes, &self.notes_file) {
            (Some(notes), _) if notes.trim().is_empty() => {
                Err(Error::usage("--notes is empty").hint(format!("to have no notes: {none}")))
            }
            (Some(notes), _) => Ok(Some(notes.clone())),
            // The line break at the end belongs to the file, not to the notes.
            (None, Some(source)) => {
                let text = source.read(app).await?;
                Ok(Some(text.trim_end().to_owned()))
            }
            (None, None) => Ok(None),
        }
    }
}
