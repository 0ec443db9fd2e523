//! Hearing what other sessions NOTIFY.

use std::{str::FromStr, time::Duration};

use sqlx::{
    Executor,
    postgres::{PgListener, PgPoolOptions},
};

use super::{
    ConnectSettings,
    connection::connect_options,
    error::{address, connect_failed},
};
use crate::{
    domain::OrganizationId,
    error::{Error, Result},
};

/// The channel on which every change of configuration is told, when its transaction commits.
pub const CONFIGURATION_CHANNEL: &str = "tenantctl_configuration";

/// A session that listens. One that broke is not mended: what was sent meanwhile is lost, and
/// whoever listens has to know. Make another.
#[derive(Debug)]
pub struct Listener {
    session: PgListener,
}

/// What another session sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    pub channel: String,
    pub payload: String,
}

/// Whose configuration is another one, as told on [`CONFIGURATION_CHANNEL`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Changed {
    /// That organization's.
    Organization(OrganizationId),
    /// Everybody's: the platform's defaults, or a payload of a release that is newer than this one.
    Everything,
}

impl Changed {
    /// Reads `organization:subject`, where `*` stands for all. What cannot be read concerns
    /// everybody: dropping too much is slow, dropping too little is wrong.
    pub fn parse(payload: &str) -> Self {
        let organization = payload.split(':').next().unwrap_or_default();
        OrganizationId::from_str(organization).map_or(Self::Everything, Self::Organization)
    }
}

impl Listener {
    /// Connects and listens. What is sent after this has returned is heard.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached in time.
    pub async fn connect(settings: &ConnectSettings, channels: &[&str]) -> Result<Self> {
        let options = connect_options(settings)?;
        let failed = |error: sqlx::Error| match error {
            sqlx::Error::PoolTimedOut => Error::unavailable(format!(
                "no answer from the database at {} in {} seconds",
                address(&options),
                settings.connect_timeout.as_secs()
            )),
            error => connect_failed(&options, error),
        };
        // A pool of its own, because that is what the driver makes a listener from. It is dropped
        // with the listener.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(settings.connect_timeout)
            .connect_lazy_with(options.clone());
        let mut session = PgListener::connect_with(&pool).await.map_err(failed)?;
        // Lest it connects again in secret.
        session.eager_reconnect(false);
        session
            .listen_all(channels.iter().copied())
            .await
            .map_err(failed)?;
        Ok(Self { session })
    }

    /// The next notification; `None` when nothing was sent for as long as `patience`, and the
    /// server has answered that it is there.
    ///
    /// A network that went away in silence is noticed by that question only.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Notification>> {
        match tokio::time::timeout(patience, self.session.try_recv()).await {
            Ok(Ok(Some(heard))) => Ok(Some(Notification {
                channel: heard.channel().to_owned(),
                payload: heard.payload().to_owned(),
            })),
            Ok(Ok(None)) => Err(lost()),
            Ok(Err(error)) => Err(lost().because(error)),
            Err(_nothing_yet) => {
                let asked = self.session.execute("SELECT 1");
                match tokio::time::timeout(patience, asked).await {
                    Ok(Ok(_)) => Ok(None),
                    Ok(Err(error)) => Err(lost().because(error)),
                    Err(_) => Err(lost()),
                }
            }
        }
    }
}

fn lost() -> Error {
    Error::unavailable("the connection that listens to the database was lost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_concerns_everybody() {
        let id = "0197a3b0-0000-7000-8000-000000000001";
        let organization = Changed::Organization(id.parse().unwrap());
        assert_eq!(Changed::parse(&format!("{id}:web")), organization);
        assert_eq!(Changed::parse(&format!("{id}:*")), organization);
        for payload in ["*:*", "", "web", "0197a3b0:web"] {
            assert_eq!(Changed::parse(payload), Changed::Everything, "{payload}");
        }
    }
}
