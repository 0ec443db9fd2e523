//! The URL of a profile.

use secrecy::SecretString;

use super::file::Profile;
use super::secret_places::SecretPlaces;
use crate::error::{Error, Result};
use crate::run;
use crate::system::Environment;

impl Profile {
    /// The options of this profile that set a URL; a valid profile has exactly one, and `local`
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

    /// The URL from the configured source. `name` is the name of the profile.
    ///
    /// # Errors
    /// `Unavailable` if the command fails, the variable is not set, the file cannot be read, or the
    /// profile has no URL.
    pub(super) fn read_url(&self, name: &str, env: &Environment) -> Result<SecretString> {
        if let Some(url) = &self.database_url {
            return Ok(url.clone());
        }
        let places = SecretPlaces {
            owner: format!("profile `{name}`"),
            option: "database_url",
            what: "URL",
            form: "postgres://USER@HOST/DATABASE",
            command: self.database_url_command.as_deref(),
            variable: self.database_url_env.as_deref(),
            file: self.database_url_file.as_deref(),
        };
        places.read(env)?.ok_or_else(|| {
            Error::unavailable(format!("profile `{name}` has no database URL"))
                .hint(run!["config", "validate"])
        })
    }
}

impl Profile {
    /// The URL for tenants' data; `None` if no option sets it. `name` is the name of the profile.
    pub(super) fn read_tenant_url(
        &self,
        name: &str,
        env: &Environment,
    ) -> Result<Option<SecretString>> {
        if let Some(url) = &self.tenant_url {
            return Ok(Some(url.clone()));
        }
        let places = SecretPlaces {
            owner: format!("profile `{name}`"),
            option: "tenant_url",
            what: "URL",
            form: "postgres://USER@HOST/DATABASE",
            command: self.tenant_url_command.as_deref(),
            variable: self.tenant_url_env.as_deref(),
            file: self.tenant_url_file.as_deref(),
        };
        places.read(env)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;

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
                "`exit 4` returned no URL: it failed with exit status: 4",
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
