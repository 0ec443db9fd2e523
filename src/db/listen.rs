//! Listening to the notifications of other sessions.

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

/// The channel on which every committed change of configuration is published.
pub const CONFIGURATION_CHANNEL: &str = "tenantctl_configuration";

/// A session that listens. A broken one is not reconnected: notifications sent in the meantime are
/// lost, and the listener has to know. Create another one.
#[derive(Debug)]
pub struct Listener {
    session: PgListener,
}

/// A notification from another session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    pub channel: String,
    pub payload: String,
}

/// The scope of a configuration change, as published on [`CONFIGURATION_CHANNEL`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Changed {
    /// A single organization.
    Organization(OrganizationId),
    /// All organizations: the platform's defaults, or a payload of a newer release.
    Everything,
}

impl Changed {
    /// Parses `organization:subject`, where `*` means all. A payload that cannot be parsed affects
    /// all organizations: invalidating too much is slow, invalidating too little is wrong.
    pub fn parse(payload: &str) -> Self {
        let organization = payload.split(':').next().unwrap_or_default();
        OrganizationId::from_str(organization).map_or(Self::Everything, Self::Organization)
    }
}

impl Listener {
    /// Connects and listens. Notifications sent after this returns are received. `None` behind a
    /// pooler, where listening is not possible.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached in time.
    pub async fn connect(settings: &ConnectSettings, channels: &[&str]) -> Result<Option<Self>> {
        let dialer = Dialer::new(settings)?;
        // This session only detects a pooler; the driver opens the one that listens.
        let dialed = dialer.dial().await?;
        let _closed = dialed.connection.close().await;
        if dialed.is_pooled {
            return Ok(None);
        }
        let mut session = dialer.direct(listening).await?;
        // Otherwise the driver would reconnect without reporting it.
        session.eager_reconnect(false);
        session.listen_all(channels.iter().copied()).await?;
        Ok(Some(Self { session }))
    }

    /// Returns the next notification; `None` if none arrived within `patience` and the server has
    /// responded to a query.
    ///
    /// Only that query detects a network that has silently gone down.
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

/// Opens a listener through a separate pool, which the driver requires. The pool is dropped with
/// the listener.
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
    Error::unavailable("lost the connection that listens for database notifications")
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
