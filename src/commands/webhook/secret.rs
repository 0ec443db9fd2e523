//! A secret of a provider: never an argument, which every process list shows.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::{
    commands::input::secret_line,
    context::App,
    error::{Error, Result},
};

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
            return secret_line(std::io::stdin().lock(), "stdin");
        }
        if let Some(path) = &self.secret_file {
            let shown = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| {
                Error::not_found(format!("cannot read the secret from {shown}")).because(error)
            })?;
            return secret_line(file, &shown);
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
