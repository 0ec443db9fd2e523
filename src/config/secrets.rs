//! The keys that stored secrets are sealed with.

use std::path::PathBuf;

use secrecy::SecretString;

use super::Environment;
use super::atomic::create_private;
use super::file::SecretsSection;
use super::paths::data_dir;
use super::secret_places::SecretPlaces;
use crate::error::Result;

/// The keys themselves, for where no file is wanted.
pub const SECRET_KEYS_VARIABLE: &str = "TENANTCTL_SECRET_KEYS";

impl SecretsSection {
    /// The keys as text; `None` where nothing says where they are.
    ///
    /// # Errors
    /// `Unavailable` when they cannot be had.
    pub fn keys(&self, env: &Environment) -> Result<Option<SecretString>> {
        if let Some(keys) = env.text(SECRET_KEYS_VARIABLE)? {
            return Ok(Some(keys.into()));
        }
        self.places().read(env)
    }

    fn places(&self) -> SecretPlaces<'_> {
        SecretPlaces {
            owner: "[secrets]".to_owned(),
            option: "keys",
            what: "keys",
            form: "32 bytes in base64, the one in use first and commas between",
            command: self.keys_command.as_deref(),
            variable: None,
            file: self.keys_file.as_deref(),
        }
    }
}

/// The keys of the private local PostgreSQL, beside its files: what it holds belongs to the same
/// person. They are made by `make` on first use.
///
/// # Errors
/// `Unavailable` when the file cannot be read, `Failure` when it cannot be made.
pub fn local_keys(
    env: &Environment,
    make: impl FnOnce() -> Result<zeroize::Zeroizing<String>>,
) -> Result<SecretString> {
    let file: PathBuf = data_dir(env)?.join("local-secret-keys");
    if !file.exists() {
        create_private(&file, &make()?)?;
    }
    let section = SecretsSection {
        keys_file: Some(file),
        ..SecretsSection::default()
    };
    let read = section.places().read(env)?;
    read.ok_or_else(|| crate::error::Error::failure("the local secret keys have no place"))
}
