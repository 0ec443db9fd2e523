//! The keys that seal stored secrets, for the selected database.

use secrecy::{ExposeSecret as _, SecretString};

use super::App;
use crate::{
    config::{self, DatabaseSource, SECRET_KEYS_VARIABLE},
    crypto::{SealingKeys, new_key_text},
    domain::webhook::{Scheme, check_secret},
    error::{Error, Result},
    run,
};

impl App {
    /// The keys from the environment or the configuration; the private local PostgreSQL has its
    /// own.
    ///
    /// # Errors
    /// `Unavailable` if no source is configured or it cannot be read, `BadInput` if the keys are
    /// invalid.
    pub fn sealing_keys(&self) -> Result<SealingKeys> {
        let configured = self.config()?.secrets.keys(&self.environment)?;
        let text = match configured {
            Some(keys) => keys,
            None if self.target()?.source == DatabaseSource::Local => {
                return self.local_sealing_keys();
            }
            None => return Err(no_keys()),
        };
        SealingKeys::parse(text.expose_secret())
    }
}

impl App {
    /// The keys of the private local PostgreSQL, generated if missing.
    pub fn local_sealing_keys(&self) -> Result<SealingKeys> {
        let keys = config::local_keys(&self.environment, new_key_text)?;
        SealingKeys::parse(keys.expose_secret())
    }

    /// The secrets with which the identity provider signs sign-ups; empty if sign-ups are not
    /// accepted.
    ///
    /// # Errors
    /// `Unavailable` if the configured source cannot be read.
    pub fn sign_up_secrets(&self) -> Result<Vec<SecretString>> {
        let secret = self.config()?.server.sign_up_secret(&self.environment)?;
        let checked = secret.map(|secret| check_secret(Scheme::Standard, &secret).map(|()| secret));
        Ok(checked.transpose()?.into_iter().collect())
    }
}

fn no_keys() -> Error {
    Error::unavailable("no keys for sealing secrets are configured")
        .hint(run!["config", "new-key"].labeled("generate one, and store it outside the database").then(" > FILE"))
        .hint(format!(
            "then set keys_file in the section [secrets] of the configuration, or {SECRET_KEYS_VARIABLE}"
        ))
}
