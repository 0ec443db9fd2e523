//! The password of a role. Never an argument, because process lists show arguments.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::{
    app::App,
    commands::input::secret_line,
    error::{Error, Result},
};

/// The source of a password; no password without one of these flags.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct PasswordArgs {
    /// Read the password from stdin.
    #[arg(long)]
    password_stdin: bool,

    /// Read the password from the first line of this file.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    password_file: Option<PathBuf>,

    /// Read the password from this environment variable.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
}

impl PasswordArgs {
    /// Returns the password, if a source is given.
    ///
    /// # Errors
    /// `NotFound` for a missing file or variable, `BadInput` for input that is empty or too long.
    pub(super) fn read(&self, app: &App) -> Result<Option<SecretString>> {
        if self.password_stdin {
            return secret_line(std::io::stdin().lock(), "stdin").map(Some);
        }
        if let Some(path) = &self.password_file {
            let shown = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| {
                Error::not_found(format!("could not read the password from {shown}")).because(error)
            })?;
            return secret_line(file, &shown).map(Some);
        }
        let Some(name) = &self.password_env else {
            return Ok(None);
        };
        match app.environment.text(name)? {
            Some(password) => Ok(Some(password.into())),
            None => Err(
                Error::not_found(format!("environment variable {name} is not set"))
                    .hint(format!("export {name}=…, or use --password-stdin")),
            ),
        }
    }
}
