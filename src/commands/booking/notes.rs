//! Notes: as an argument, or from a file, which other users of the machine cannot see.

use clap::{Args, ValueHint};

use crate::{
    commands::input::TextSource,
    context::App,
    error::{Error, Result},
};

/// `--notes`, `--notes-file`.
#[derive(Args, Debug)]
pub struct NotesArgs {
    /// Notes. What stands here can be seen by other users of this machine, and is kept by the
    /// shell: see --notes-file.
    #[arg(long, value_name = "TEXT", conflicts_with = "notes_file")]
    notes: Option<String>,

    /// The file that has the notes; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    notes_file: Option<TextSource>,
}

impl NotesArgs {
    /// The notes, where there are any. `none` says how to have none.
    ///
    /// # Errors
    /// `Usage` where the argument is empty; as [`TextSource::read`].
    pub(in crate::commands) async fn read(&self, app: &App, none: &str) -> Result<Option<String>> {
        match (&self.notes, &self.notes_file) {
            (Some(notes), _) if notes.trim().is_empty() => {
                Err(Error::usage("--notes is empty").hint(format!("to have none: {none}")))
            }
            (Some(notes), _) => Ok(Some(notes.clone())),
            // The line break at the end is the file's, not the notes'.
            (None, Some(source)) => {
                let text = source.read(app).await?;
                Ok(Some(text.trim_end().to_owned()))
            }
            (None, None) => Ok(None),
        }
    }
}
