//! A secret of a provider: never an argument, which every process list shows.

use std::{io::Read as _, path::PathBuf};

use clap::Args;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{
    context::App,
    error::{Error, Result},
};

/// Longer is no secret: a wrong file is refused instead of being stored.
const MOST: u64 = 16 * 1024;

/// Where a secret comes from. Without one of these a terminal is asked.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct SecretArgs {
    /// Read the secret from stdin.
    #[arg(long)]
    secret_stdin: bool,

    /// The file that has it in its first line.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    secret_file: Option<PathBuf>,

    /// The environment variable that has it.
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

/// Whether a secret may be short.
#[derive(Args, Debug)]
pub(super) struct WeakSecretArg {
    /// Take a secret of fewer than 16 characters, which can be guessed.
    #[arg(long)]
    pub(super) weak_secret: bool,
}

impl SecretArgs {
    /// The secret.
    ///
    /// # Errors
    /// `NotFound` for a file or variable that is not there, `BadInput` for what is empty or too long,
    /// `Usage` where nobody can be asked.
    pub(super) fn read(&self, app: &App, label: &str) -> Result<SecretString> {
        if self.secret_stdin {
            return first_line(std::io::stdin().lock(), "stdin");
        }
        if let Some(path) = &self.secret_file {
            let shown = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| {
                Error::not_found(format!("cannot read the secret from {shown}")).because(error)
            })?;
            return first_line(file, &shown);
        }
        if let Some(name) = &self.secret_env {
            return match app.environment.text(name)? {
                Some(secret) => Ok(secret.into()),
                None => Err(Error::not_found(format!("the variable {name} is not set"))
                    .hint(format!("export {name}=…, or give --secret-stdin"))),
            };
        }
        app.printer.prompter().password(label, "--secret-stdin")
    }
}

/// The first line of a file or of stdin, which is a secret.
///
/// # Errors
/// `BadInput` for what is empty, too long or no text.
pub(in crate::commands) fn first_line(
    from: impl std::io::Read,
    name: &str,
) -> Result<SecretString> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Error::failure(format!("cannot read the secret from {name}")).because(error)
        })?;
    if bytes.len() as u64 > MOST {
        return Err(Error::bad_input(format!("{name} is too long for a secret"))
            .hint("is it the right file?"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Error::bad_input(format!("{name} has no text")).hint("is it the right file?")
    })?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.into()),
        _ => Err(
            Error::bad_input(format!("{name} has no secret in its first line"))
                .hint("did the command in front of the pipe fail?"),
        ),
    }
}
