//! Editing a text in the user's editor without losing it: a mistake reopens the editor, and a text
//! that cannot be used is kept in a file.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use nix::sys::signal::Signal;
use tempfile::TempPath;

use super::escape;
use super::prompt::Prompter;
use super::redact::redact;
use crate::error::{Context, Error, ErrorKind, Result};
use crate::files::{self, Existing, Readers};

const MISTAKE: &str = "# error:";

/// Opens `text` in `command` (`$VISUAL` or `$EDITOR`, split like a shell does) until `check`
/// accepts it. `None` if it was not changed.
///
/// A mistake (bad input or wrong usage) reopens the editor with the error as comments at the top;
/// saving the same text again gives up. `suffix` (`.toml`) lets the editor detect the language, in
/// which `#` starts a comment.
///
/// # Errors
/// `Refused` without a terminal. If the editor fails, the user gives up or `check` fails for
/// another reason, the edited text is kept and a hint contains its path.
pub fn edit_document<T>(
    text: &str,
    suffix: &str,
    command: &str,
    mut check: impl FnMut(&str) -> Result<T>,
    prompter: &Prompter,
) -> Result<Option<(String, T)>> {
    if !prompter.interactive() {
        return Err(Error::refused("an editor requires a terminal")
            .hint("pass the text with --from-file FILE, or - for stdin"));
    }
    let file = Document::create(text, suffix)?;
    let mut refused: Option<String> = None;
    loop {
        let ran = prompter.with_terminal(|| run(command, file.path()));
        let edited = match file.read() {
            Ok(edited) => edited,
            Err(error) => {
                return Err(match refused {
                    // Fall back to the last text that was read.
                    Some(text) if file.is_gone() => Document::create(&text, suffix)?.keep(error),
                    _ => file.keep(error),
                });
            }
        };
        if let Err(error) = ran {
            return Err(if edited == text {
                error
            } else {
                file.keep_text(&edited, error)
            });
        }
        if edited == text {
            return Ok(None);
        }
        let error = match check(&edited) {
            Ok(value) => return Ok(Some((edited, value))),
            Err(error) => error,
        };
        let mistake = matches!(error.kind(), ErrorKind::BadInput | ErrorKind::Usage);
        let given_up = refused.as_ref() == Some(&edited);
        if given_up || !mistake {
            let error = if mistake { as_bad_input(error) } else { error };
            return Err(file.keep_text(&edited, error));
        }
        file.write(&with_mistake(&edited, &error))?;
        refused = Some(edited);
    }
}

/// Runs [`edit_document`] on a separate thread. While the editor runs, Ctrl-C is left to it: the
/// terminal sends the signal to all its programs, and many editors handle it.
pub async fn edit<T: Send + 'static>(
    text: String,
    suffix: &'static str,
    command: String,
    check: impl FnMut(&str) -> Result<T> + Send + 'static,
    prompter: Prompter,
) -> Result<Option<(String, T)>> {
    let _lent = prompter.lend_terminal();
    let editing = move || edit_document(&text, suffix, &command, check, &prompter);
    let edited = tokio::task::spawn_blocking(editing).await;
    // A Ctrl-C in the editor may still be on its way through the runtime: yield once so that it is
    // received and ignored before the terminal is returned.
    tokio::task::yield_now().await;
    edited.context("editing failed")?
}

/// Keeps a text in a file that only its owner can read.
///
/// # Errors
/// `Failure` if a temporary file cannot be written.
pub fn keep(text: &str, suffix: &str) -> Result<PathBuf> {
    let file = Document::create(text, suffix)?;
    file.0.keep().context("cannot keep a temporary file")
}

/// The temporary file, readable by its owner only, removed when dropped.
struct Document(TempPath);

impl Document {
    fn create(text: &str, suffix: &str) -> Result<Self> {
        let make = || {
            let mut file = tempfile::Builder::new()
                .prefix("tenantctl-")
                .suffix(suffix)
                .tempfile()?;
            file.write_all(text.as_bytes())?;
            Ok::<_, io::Error>(Self(file.into_temp_path()))
        };
        make().context("cannot create a temporary file for the editor")
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn is_gone(&self) -> bool {
        matches!(self.path().try_exists(), Ok(false))
    }

    fn write(&self, text: &str) -> Result<()> {
        files::write(
            self.path(),
            text.as_bytes(),
            Existing::Replace,
            Readers::Owner,
        )
    }

    /// The saved text, without the comments about the last mistake.
    fn read(&self) -> Result<String> {
        let path = self.path().display();
        if self.is_gone() {
            return Err(
                Error::failure(format!("the editor removed {path}: nothing was changed"))
                    .hint("edit again, and save under the same file name"),
            );
        }
        let message = format!("cannot read {path}");
        let saved = fs::read_to_string(self.path()).context(message)?;
        Ok(without_mistake(&saved).to_owned())
    }

    /// Keeps the text without the comments about the mistake, so that it can be used unchanged.
    fn keep_text(self, text: &str, error: Error) -> Error {
        match self.write(text) {
            Ok(()) => self.keep(error),
            Err(unwritten) => self.keep(unwritten),
        }
    }

    fn keep(self, error: Error) -> Error {
        if self.is_gone() {
            return error;
        }
        let shown = self.path().display().to_string();
        match self.0.keep() {
            Ok(path) => error.hint(format!("your text is kept in {}", path.display())),
            Err(lost) => error.hint(format!("your text in {shown} cannot be kept: {lost}")),
        }
    }
}

fn run(command: &str, file: &Path) -> Result<()> {
    const HINT: &str = "set $VISUAL or $EDITOR to your editor, for example EDITOR=nano";
    let words = shell_words::split(command).map_err(|error| {
        Error::usage(format!("the editor command {command:?} is not valid"))
            .because(error)
            .hint(HINT)
    })?;
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| Error::usage("no editor is set").hint(HINT))?;
    let status = Command::new(program)
        .args(arguments)
        .arg(file)
        .status()
        .map_err(|error| {
            Error::failure(format!("cannot start the editor {program}"))
                .because(error)
                .hint(HINT)
        })?;
    if status.success() {
        Ok(())
    } else if is_interrupted(status) {
        Err(Error::interrupted())
    } else {
        Err(Error::failure(format!(
            "the editor {program} failed with {status}; nothing was changed"
        )))
    }
}

/// Interrupted by Ctrl-C; a shell in between turns the signal into 128 + its number.
fn is_interrupted(status: ExitStatus) -> bool {
    let interrupt = Signal::SIGINT as i32;
    status.signal() == Some(interrupt) || status.code() == Some(128 + interrupt)
}

fn as_bad_input(error: Error) -> Error {
    Error::bad_input(format!("{error}; nothing was changed"))
        .hints_of(&error)
        .because(error)
}

fn with_mistake(text: &str, error: &Error) -> String {
    let causes = error.causes();
    let hints = error.hints().iter().map(|hint| format!("hint: {hint}"));
    let mut commented = String::new();
    for said in [error.to_string()].into_iter().chain(causes).chain(hints) {
        for line in redact(&said).lines() {
            commented.push_str(&format!("{MISTAKE} {}\n", escape::line(line)));
        }
    }
    commented + text
}

fn without_mistake(mut text: &str) -> &str {
    while text.starts_with(MISTAKE) {
        text = text.split_once('\n').map_or("", |(_, rest)| rest);
    }
    text
}

#[cfg(test)]
#[path = "editor_tests.rs"]
mod tests;
