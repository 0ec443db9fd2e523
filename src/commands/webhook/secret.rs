//! The secret of a provider. Never an argument, because process lists show arguments.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::{
    app::App,
    commands::input::secret_line,
    error::{Error, Result},
};

/// The source of a secret. Without one of these flags, the secret is prompted for.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct SecretArgs {
    /// Read the secret from stdin.
    #[arg(long)]
    secret_stdin: bool,

    /// Read the secret from the first line of this file.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    secret_file: Option<PathBuf>,

    /// Read the secret from this environment variable.
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

/// The flag that allows a short secret.
#[derive(Args, Debug)]
pub(super) struct WeakSecretArg {
    /// Allow a secret shorter than 16 characters, which can be guessed.
    #[arg(long)]
    pub(super) weak_secret: bool,
}

impl SecretArgs {
    /// Reads the secret.
    ///
    /// # Errors
    /// `NotFound` for a missing file or variable, `BadInput` for input that is empty or too long,
    /// `Usage` without a terminal to prompt on.
    pub(super) fn read(&self, app: &App, label: &str) -> Result<SecretString> {
        if self.secret_stdin {
            return secret_line(std::io::stdin().lock(), "stdin");
        }
        if let Some(path) = &self.secret_file {
            let shown = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| {
                Error::not_found(format!("could not read the secret from {shown}")).because(error)
            })?;
            return secret_line(file, &shown);
        }
        if let Some(name) = &self.secret_env {
            return match app.environment.text(name)? {
                Some(secret) => Ok(secret.into()),
                None => Err(
                    Error::not_found(format!("environment variable {name} is not set"))
                        .hint(format!("export {name}=…, or use --secret-stdin")),
                ),
            };
        }
        app.printer.prompter().password(label, "--secret-stdin")
    }
}
