//! The connection pool of a server: each request holds a connection while it needs one.

use std::time::Duration;

use deadpool::managed;
use futures_util::future::join_all;
use sqlx::Connection as _;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    ConnectSettings, Database,
    dial::{Dialed, Dialer},
    held::Held,
};
use crate::error::{Error, Result};
use crate::run;

/// A connection that has been idle for this long is tested before it is handed out again. Under
/// load, connections are idle for less, and the round trip is saved.
const TESTED_AFTER: Duration = Duration::from_secs(1);

/// Maximum age of a connection: the server keeps memory for each one, and a failover may have
/// replaced the server.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

/// Settings of a pool.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    pub connect: ConnectSettings,
    /// Maximum number of open connections.
    pub max_connections: u32,
    /// Maximum time that a caller waits for a free connection or for the server to respond.
    pub wait: Duration,
}

/// Connections that are handed out one at a time and return when the [`Database`] is dropped.
///
/// Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: managed::Pool<Connector>,
    settings: PoolSettings,
}

/// Opens connections, and tests returned ones before they are handed out again.
#[derive(Debug)]
pub(super) struct Connector(Dialer);

impl managed::Manager for Connector {
    type Type = Dialed;
    type Error = Error;

    async fn create(&self) -> Result<Dialed> {
        self.0.dial().await
    }

    async fn recycle(
        &self,
        dialed: &mut Dialed,
        metrics: &managed::Metrics,
    ) -> managed::RecycleResult<Error> {
        if metrics.age() >= LONGEST_LIFE {
            return Err(managed::RecycleError::message("maximum age reached"));
        }
        if metrics.last_used() >= TESTED_AFTER {
            dialed.connection.ping().await.map_err(Error::from)?;
        }
        Ok(())
    }
}

/// Number of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PoolSize {
    /// In use.
    pub used: usize,
    /// Idle.
    pub idle: usize,
}

impl Pool {
    /// Creates a pool that connects on demand.
    ///
    /// # Errors
    /// `Usage` for an invalid URL.
    pub fn new(settings: PoolSettings) -> Result<Self> {
        let connector = Connector(Dialer::new(&settings.connect)?);
        let connections = managed::Pool::builder(connector)
            .max_size(usize::try_from(settings.max_connections).unwrap_or(usize::MAX))
            .build()
            .map_err(|error| Error::failure("cannot create the connection pool").because(error))?;
        Ok(Self {
            connections,
            settings,
        })
    }

    /// Returns a connection for one piece of work.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached or no connection is free in time.
    pub async fn get(&self) -> Result<Database> {
        self.acquire(None).await
    }

    /// Like [`Pool::get`], with a permit that is released when the connection returns to the pool.
    pub async fn get_in_turn(&self, turn: OwnedSemaphorePermit) -> Result<Database> {
        self.acquire(Some(turn)).await
    }

    async fn acquire(&self, turn: Option<OwnedSemaphorePermit>) -> Result<Database> {
        match timeout(self.settings.wait, self.connections.get()).await {
            Ok(Ok(connection)) => Ok(Database::holding(Held::pooled(connection, turn))),
            Ok(Err(managed::PoolError::Backend(error))) => Err(error),
            Ok(Err(managed::PoolError::Closed)) => Err(Error::unavailable(
                "the database connections are closed: the server is stopping",
            )),
            Ok(Err(_)) | Err(_) => Err(self.none_in_time("all clients")),
        }
    }

    /// Returns the error for `who`, for which no connection was free in time: a server that does
    /// not respond cannot be distinguished from one with all connections in use.
    pub fn none_in_time(&self, who: &str) -> Error {
        let PoolSettings {
            max_connections,
            wait,
            ..
        } = &self.settings;
        Error::unavailable(format!(
            "no connection to the database at {} within {} seconds: it does not respond, or the \
             connections available to {who} are all in use (total connections: {max_connections})",
            self.connections.manager().0.address(),
            wait.as_secs_f32(),
        ))
        .hint(
            run!["doctor"]
                .labeled("check whether it responds")
                .then("; if so, increase database_connections in [server]"),
        )
    }

    /// Returns the settings of the connections, for opening an additional one.
    pub fn connect_settings(&self) -> &ConnectSettings {
        &self.settings.connect
    }

    /// Reports whether a pooler was detected, behind which listening is not possible.
    pub fn has_met_pooler(&self) -> bool {
        self.connections.manager().0.has_met_pooler()
    }

    /// Returns the maximum number of connections.
    pub fn most(&self) -> usize {
        usize::try_from(self.settings.max_connections).unwrap_or(usize::MAX)
    }

    /// Returns the maximum time that a caller waits for a connection.
    pub const fn wait(&self) -> Duration {
        self.settings.wait
    }

    /// Returns the current number of connections.
    pub fn size(&self) -> PoolSize {
        let status = self.connections.status();
        PoolSize {
            used: status.size.saturating_sub(status.available),
            idle: status.available,
        }
    }

    /// Closes the idle connections; the others are closed when they return.
    pub async fn close(&self) {
        let resting = self.connections.retain(|_, _| false).removed;
        self.connections.close();
        // A connection that cannot be closed cleanly is already gone.
        let _closed = join_all(resting.into_iter().map(|dialed| dialed.connection.close())).await;
    }
}
