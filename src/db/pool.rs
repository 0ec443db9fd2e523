//! Many connections, for a server: each request has one while it needs it.

use std::time::Duration;

use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
};

use tokio::sync::OwnedSemaphorePermit;

use super::{
    ConnectSettings, Database,
    connection::connect_options,
    error::{address, connect_failed},
    held::Held,
};
use crate::error::{Error, Result};

/// A connection that has rested this long is asked whether it still lives before it is given out.
/// Under load none rests so long, and the round trip is saved.
const TESTED_AFTER: Duration = Duration::from_secs(1);

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
    connections: PgPool,
    options: PgConnectOptions,
    settings: PoolSettings,
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
        let options = connect_options(&settings.connect)?;
        let connections = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(settings.wait)
            .test_before_acquire(false)
            .before_acquire(|connection, pooled| {
                Box::pin(async move {
                    if pooled.idle_for >= TESTED_AFTER {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options.clone());
        Ok(Self {
            connections,
            options,
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
    ///
    /// # Errors
    /// As [`Pool::get`].
    pub async fn get_in_turn(&self, turn: OwnedSemaphorePermit) -> Result<Database> {
        self.acquire(Some(turn)).await
    }

    async fn acquire(&self, turn: Option<OwnedSemaphorePermit>) -> Result<Database> {
        match self.connections.acquire().await {
            Ok(connection) => Ok(Database::holding(Held::pooled(connection, turn))),
            Err(sqlx::Error::PoolTimedOut) => Err(self.none_in_time("all")),
            Err(sqlx::Error::PoolClosed) => Err(Error::unavailable(
                "the connections to the database are closed: the server is stopping",
            )),
            Err(error) => Err(connect_failed(&self.options, error)),
        }
    }

    /// That nobody of these got a connection in time. The driver tries again while nobody listens, so
    /// a server that is down looks like one whose connections are all in use.
    pub fn none_in_time(&self, whose: &str) -> Error {
        let PoolSettings {
            max_connections,
            wait,
            ..
        } = &self.settings;
        Error::unavailable(format!(
            "no connection to the database at {} in {} seconds: it does not answer, or those for \
             {whose} are in use, of {max_connections} connections",
            address(&self.options),
            wait.as_secs_f32(),
        ))
        .hint(
            "`tenantctl doctor` tells whether it answers; if so: database_connections in [server]",
        )
    }

    /// How the connections were made, for one beside them.
    pub fn connect_settings(&self) -> &ConnectSettings {
        &self.settings.connect
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
        let idle = self.connections.num_idle();
        let all = usize::try_from(self.connections.size()).unwrap_or(usize::MAX);
        PoolSize {
            used: all.saturating_sub(idle),
            idle,
        }
    }

    /// Waits until every connection came back, and closes them.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}
