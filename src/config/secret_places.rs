//! Sources of a secret other than the configuration file itself.

use std::{fs, path::Path};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::secret_command::{TIME_LIMIT, first_line};
use crate::error::{Error, Result};
use crate::output::redact;
use crate::system::Environment;

/// The sources of one secret; the first one set is read.
pub(super) struct SecretPlaces<'a> {
    /// The owner of the secret, as named in errors.
    pub(super) owner: String,
    /// The option name, which is the prefix of the source options.
    pub(super) option: &'static str,
    /// The kind of the secret, in a word.
    pub(super) what: &'static str,
    /// The format of the secret.
    pub(super) form: &'static str,
    pub(super) command: Option<&'a str>,
    pub(super) variable: Option<&'a str>,
    pub(super) file: Option<&'a Path>,
}

impl SecretPlaces<'_> {
    /// The secret; `None` if no source is set.
    ///
    /// # Errors
    /// `Unavailable` if the command fails, the variable is not set, or the file cannot be read.
    pub(super) fn read(&self, env: &Environment) -> Result<Option<SecretString>> {
        if let Some(command) = self.command {
            self.by_command(command).map(Some)
        } else if let Some(variable) = self.variable {
            self.by_variable(variable, env).map(Some)
        } else if let Some(path) = self.file {
            self.by_file(path).map(Some)
        } else {
            Ok(None)
        }
    }

    fn by_command(&self, command: &str) -> Result<SecretString> {
        let Self {
            owner,
            option,
            what,
            ..
        } = self;
        first_line(command, TIME_LIMIT).map_err(|error| {
            Error::unavailable(format!(
                "{owner}: {option}_command `{}` returned no {what}: {error}",
                redact(command)
            ))
            .hint(format!(
                "run the command manually; the first line of its output must be the {what}"
            ))
        })
    }

    fn by_variable(&self, variable: &str, env: &Environment) -> Result<SecretString> {
        let Self {
            owner, what, form, ..
        } = self;
        match env.text(variable)? {
            Some(secret) => Ok(secret.into()),
            None => Err(Error::unavailable(format!(
                "{owner} reads its {what} from the variable {variable}, which is not set"
            ))
            .hint(format!("export {variable}={form}"))),
        }
    }

    fn by_file(&self, path: &Path) -> Result<SecretString> {
        let Self {
            owner,
            option,
            what,
            form,
            ..
        } = self;
        let origin = format!("{owner}: {option}_file {}", path.display());
        let hint = format!(
            "write the {what}, {form}, into the first line of that file, and make it readable for you"
        );
        let text = fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| {
                Error::unavailable(format!("{origin} cannot be read"))
                    .because(error)
                    .hint(hint.clone())
            })?;
        let line: SecretString = text.lines().next().unwrap_or_default().trim().into();
        if line.expose_secret().is_empty() {
            let message = format!("{origin} has no {what} on its first line");
            return Err(Error::unavailable(message).hint(hint));
        }
        Ok(line)
    }
}
