//! Hearing what other sessions NOTIFY.

use std::{str::FromStr, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    Connection as _, Executor,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use super::{ConnectSettings, dial::Dialer};
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
    /// Connects and listens. What is sent after this has returned is heard. `None`: a pooler stands
    /// before the server, and behind it nobody can listen.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached in time.
    pub async fn connect(settings: &ConnectSettings, channels: &[&str]) -> Result<Option<Self>> {
        let dialer = Dialer::new(settings)?;
        // The session by which a pooler shows is not the one that listens: the driver makes that.
        let dialed = dialer.dial().await?;
        let _closed = dialed.connection.close().await;
        if dialed.is_pooled {
            return Ok(None);
        }
        let mut session = dialer.direct(listening).await?;
        // Lest it connects again in secret.
        session.eager_reconnect(false);
        session.listen_all(channels.iter().copied()).await?;
        Ok(Some(Self { session }))
    }

    /// The next notification; `None` when nothing was sent for as long as `patience`, and the
    /// server has answered that it is there.
    ///
    /// A network that went away in silence is noticed by that question only.
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

/// A pool of its own, because that is what the driver makes a listener from. It is dropped with the
/// listener.
fn listening(options: PgConnectOptions) -> BoxFuture<'static, sqlx::Result<PgListener>> {
    Box::pin(async move {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(options);
        PgListener::connect_with(&pool).await
    })
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
