//! The password of a role: never an argument, which every process list shows.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::{
    commands::input::secret_line,
    context::App,
    error::{Error, Result},
};

/// Where a password comes from; without one of these there is none.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct PasswordArgs {
    /// Read the password from stdin.
    #[arg(long)]
    password_stdin: bool,

    /// The file that has it in its first line.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    password_file: Option<PathBuf>,

    /// The environment variable that has it.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
}

impl PasswordArgs {
    /// The password, if a place for one is named.
    ///
    /// # Errors
    /// `NotFound` for a file or variable that does not exist, `BadInput` for what is empty or too long.
    pub(super) fn read(&self, app: &App) -> Result<Option<SecretString>> {
        if self.password_stdin {
            return secret_line(std::io::stdin().lock(), "stdin").map(Some);
        }
        if let Some(path) = &self.password_file {
            let shown = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| {
                Error::not_found(format!("cannot read the password from {shown}")).because(error)
            })?;
            return secret_line(file, &shown).map(Some);
        }
        let Some(name) = &self.password_env else {
            return Ok(None);
        };
        match app.environment.text(name)? {
            Some(password) => Ok(Some(password.into())),
            None => Err(Error::not_found(format!("the variable {name} is not set"))
                .hint(format!("export {name}=…, or give --password-stdin"))),
        }
    }
}
