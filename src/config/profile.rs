//! Where a profile gets its URL from.

use std::fs;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::Environment;
use super::file::Profile;
use super::secret_command::{TIME_LIMIT, first_line};
use crate::error::{Error, Result};
use crate::output::redact;

impl Profile {
    /// The options of this profile that name a URL; a valid profile has exactly one, and `local`
    /// none.
    pub(super) fn url_options(&self) -> Vec<&'static str> {
        let options = [
            ("database_url", self.database_url.is_some()),
            ("database_url_command", self.database_url_command.is_some()),
            ("database_url_env", self.database_url_env.is_some()),
            ("database_url_file", self.database_url_file.is_some()),
        ];
        options
            .into_iter()
            .filter_map(|(option, is_set)| is_set.then_some(option))
            .collect()
    }

    /// The URL, from wherever the profile says it is. `name` is the name of the profile.
    ///
    /// # Errors
    /// Unavailable when it cannot be had: the command fails, the variable is not set, the file
    /// cannot be read; or when the profile names none.
    pub(super) fn read_url(&self, name: &str, env: &Environment) -> Result<SecretString> {
        if let Some(url) = &self.database_url {
            Ok(url.clone())
        } else if let Some(command) = &self.database_url_command {
            from_command(name, command)
        } else if let Some(variable) = &self.database_url_env {
            from_variable(name, variable, env)
        } else if let Some(path) = &self.database_url_file {
            from_file(name, path)
        } else {
            Err(Error::unavailable(format!(
                "profile `{name}` says nowhere which database it is"
            ))
            .hint("tenantctl config validate"))
        }
    }
}

fn from_command(name: &str, command: &str) -> Result<SecretString> {
    first_line(command, TIME_LIMIT).map_err(|error| {
        Error::unavailable(format!(
            "profile `{name}`: database_url_command `{}` gave no URL: {error}",
            redact(command)
        ))
        .hint("run the command by hand; it must print the URL as its first line")
    })
}

fn from_variable(name: &str, variable: &str, env: &Environment) -> Result<SecretString> {
    match env.text(variable)? {
        Some(url) => Ok(url.into()),
        None => Err(Error::unavailable(format!(
            "profile `{name}` takes its URL from the variable {variable}, which is not set"
        ))
        .hint(format!("export {variable}=postgres://USER@HOST/DATABASE"))),
    }
}

/// What a file that holds a URL must be.
const FILE_FORM: &str = "write the URL, postgres://USER@HOST/DATABASE, into the first line of that \
     file, readable for you; another file: `tenantctl init --force`";

fn from_file(name: &str, path: &std::path::Path) -> Result<SecretString> {
    let origin = format!("profile `{name}`: database_url_file {}", path.display());
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| {
            Error::unavailable(format!("{origin} cannot be read"))
                .because(error)
                .hint(FILE_FORM)
        })?;
    let line: SecretString = text.lines().next().unwrap_or_default().trim().into();
    if line.expose_secret().is_empty() {
        return Err(
            Error::unavailable(format!("{origin} has no URL in its first line")).hint(FILE_FORM),
        );
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const URL: &str = "postgres://ops@db/app";

    fn read(toml: &str, env: &Environment) -> Result<String> {
        let profile: Profile = toml_edit::de::from_str(toml).unwrap();
        let url = profile.read_url("staging", env)?;
        Ok(url.expose_secret().to_owned())
    }

    #[test]
    fn reads_the_url_from_each_place() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("url");
        fs::write(&file, format!("{URL}\n# rest\n")).unwrap();
        let env = Environment::from_pairs([("STAGING", URL)]);
        for toml in [
            format!("database_url = '{URL}'"),
            format!("database_url_command = 'echo {URL}'"),
            "database_url_env = 'STAGING'".to_owned(),
            format!("database_url_file = '{}'", file.display()),
        ] {
            assert_eq!(read(&toml, &env).unwrap(), URL, "{toml}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_unavailable_and_says_where_it_was_sought() {
        let env = Environment::default();
        for (toml, part) in [
            (
                "database_url_command = 'exit 4'",
                "`exit 4` gave no URL: it failed with exit status: 4",
            ),
            (
                "database_url_env = 'NOT_SET'",
                "the variable NOT_SET, which is not set",
            ),
            (
                "database_url_file = '/nowhere/url'",
                "/nowhere/url cannot be read",
            ),
        ] {
            let error = read(toml, &env).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains(part), "{error}");
            assert!(!error.hints().is_empty(), "{error}");
        }
    }
}
