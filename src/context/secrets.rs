//! The keys that seal stored secrets, for the database that is meant.

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
    /// The keys: of the environment or the configuration; the private local PostgreSQL has its own.
    ///
    /// # Errors
    /// `Unavailable` where nothing says where they are or they cannot be had, `BadInput` where they
    /// are none.
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
    /// The keys of the private local PostgreSQL, made where there are none.
    ///
    /// # Errors
    /// `Unavailable` where they cannot be had, `Failure` where they cannot be made.
    pub fn local_sealing_keys(&self) -> Result<SealingKeys> {
        let keys = config::local_keys(&self.environment, new_key_text)?;
        SealingKeys::parse(keys.expose_secret())
    }

    /// What the identity provider signs sign-ups with; none: it is not listened to.
    ///
    /// # Errors
    /// `Unavailable` where the configuration names a place and it cannot be had from there.
    pub fn sign_up_secrets(&self) -> Result<Vec<SecretString>> {
        let secret = self.config()?.server.sign_up_secret(&self.environment)?;
        let checked = secret.map(|secret| check_secret(Scheme::Standard, &secret).map(|()| secret));
        Ok(checked.transpose()?.into_iter().collect())
    }
}

fn no_keys() -> Error {
    Error::unavailable("there is no key to seal secrets with: nothing says where it is")
        .hint(run!["config", "new-key"].labeled("make one, and keep it where the database is not").then(" > FILE"))
        .hint(format!(
            "then name it: keys_file in the section [secrets] of the configuration, or {SECRET_KEYS_VARIABLE}"
        ))
}
