//! Many connections, for a server: each request has one while it needs it.

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

/// A connection that was given out this long ago is asked whether it still lives before it is given
/// out again. Under load none waits so long, and the round trip is saved.
const TESTED_AFTER: Duration = Duration::from_secs(1);

/// After this a connection is opened anew: a server keeps memory for each, and another server may
/// have taken its place.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

/// How a pool is made.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    pub connect: ConnectSettings,
    /// How many connections are open at once, at most.
    pub max_connections: u32,
    /// For how long a caller waits until one is free, or the server answers.
    pub wait: Duration,
}

/// Connections that are given out one by one and come back when the [`Database`] is dropped.
///
/// Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: managed::Pool<Connector>,
    settings: PoolSettings,
}

/// Opens connections, and looks at those that come back before they are given out again.
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
            return Err(managed::RecycleError::message("it is old"));
        }
        if metrics.last_used() >= TESTED_AFTER {
            dialed.connection.ping().await.map_err(Error::from)?;
        }
        Ok(())
    }
}

/// How many connections there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PoolSize {
    /// Given out.
    pub used: usize,
    /// Waiting to be.
    pub idle: usize,
}

impl Pool {
    /// A pool that connects when a connection is asked for.
    ///
    /// # Errors
    /// `Usage` for a URL that cannot be read.
    pub fn new(settings: PoolSettings) -> Result<Self> {
        let connector = Connector(Dialer::new(&settings.connect)?);
        let connections = managed::Pool::builder(connector)
            .max_size(usize::try_from(settings.max_connections).unwrap_or(usize::MAX))
            .build()
            .map_err(|error| Error::failure("there can be no pool").because(error))?;
        Ok(Self {
            connections,
            settings,
        })
    }

    /// A connection for one piece of work.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached or no connection is free in time.
    pub async fn get(&self) -> Result<Database> {
        self.acquire(None).await
    }

    /// The same for somebody whose turn it is; the turn is over when the connection is back.
    pub async fn get_in_turn(&self, turn: OwnedSemaphorePermit) -> Result<Database> {
        self.acquire(Some(turn)).await
    }

    async fn acquire(&self, turn: Option<OwnedSemaphorePermit>) -> Result<Database> {
        match timeout(self.settings.wait, self.connections.get()).await {
            Ok(Ok(connection)) => Ok(Database::holding(Held::pooled(connection, turn))),
            Ok(Err(managed::PoolError::Backend(error))) => Err(error),
            Ok(Err(managed::PoolError::Closed)) => Err(Error::unavailable(
                "the connections to the database are closed: the server is stopping",
            )),
            Ok(Err(_)) | Err(_) => Err(self.none_in_time("everybody")),
        }
    }

    /// That nobody of these got a connection in time: a server that does not answer looks like one
    /// whose connections are all in use.
    pub fn none_in_time(&self, who: &str) -> Error {
        let PoolSettings {
            max_connections,
            wait,
            ..
        } = &self.settings;
        Error::unavailable(format!(
            "no connection to the database at {} in {} seconds: it does not answer, or those that \
             {who} may have are in use (connections for all: {max_connections})",
            self.connections.manager().0.address(),
            wait.as_secs_f32(),
        ))
        .hint(
            run!["doctor"]
                .labeled("see whether it answers")
                .then("; if so, raise database_connections in [server]"),
        )
    }

    /// How the connections were made, for one beside them.
    pub fn connect_settings(&self) -> &ConnectSettings {
        &self.settings.connect
    }

    /// Whether a pooler was met before the server, behind which nobody can listen.
    pub fn has_met_pooler(&self) -> bool {
        self.connections.manager().0.has_met_pooler()
    }

    /// How many connections there can be at once.
    pub fn most(&self) -> usize {
        usize::try_from(self.settings.max_connections).unwrap_or(usize::MAX)
    }

    /// For how long a caller waits for one.
    pub const fn wait(&self) -> Duration {
        self.settings.wait
    }

    /// How many connections there are now.
    pub fn size(&self) -> PoolSize {
        let status = self.connections.status();
        PoolSize {
            used: status.size.saturating_sub(status.available),
            idle: status.available,
        }
    }

    /// Closes the connections that rest; each other one when it comes back.
    pub async fn close(&self) {
        let resting = self.connections.retain(|_, _| false).removed;
        self.connections.close();
        // One that cannot say goodbye is gone already.
        let _closed = join_all(resting.into_iter().map(|dialed| dialed.connection.close())).await;
    }
}
