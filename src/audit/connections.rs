//! The connections of one audit: one that reads the catalog and exports its snapshot, and
//! workers that see just the same rows (PostgreSQL manual, 9.28.5, Snapshot Synchronization).

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::catalog::Catalog;
use crate::{
    error::{Context, Result},
    quoting::literal,
};

/// Opens a connection; the caller knows where to.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<PgConnection>> + Send + Sync>;

/// How long a statement may take, and wait for a lock.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub statement: Duration,
    pub lock: Duration,
}

/// Where the audit has got to.
pub trait Watch: Send + Sync {
    /// A phase begins, of that many steps where that is known.
    fn phase(&self, what: &str, steps: Option<u64>);
    /// So many steps are done.
    fn advance(&self, steps: u64);
}

/// The connections of one audit.
pub struct Connections {
    connect: Connect,
    limits: Limits,
    /// How many workers may be at work at once.
    pub jobs: usize,
    /// Its transaction holds the snapshot. Whatever fails on it ends the audit: statements that
    /// may fail go through [`Connections::worker`].
    first: PgConnection,
    snapshot: String,
}

impl Connections {
    /// Connects, opens the transaction that everything is read in, and exports its snapshot.
    ///
    /// # Errors
    /// As `connect`; `Failure` when the server does not export a snapshot.
    pub async fn open(connect: Connect, limits: Limits, jobs: usize) -> Result<Self> {
        let mut first = connect().await?;
        set_limits(&mut first, limits).await?;
        first
            .execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .context("the audit's transaction could not be opened")?;
        let snapshot = first
            .fetch_one("SELECT pg_catalog.pg_export_snapshot()")
            .await
            .and_then(|row| row.try_get(0))
            .context("the audit's snapshot could not be exported")?;
        Ok(Self {
            connect,
            limits,
            jobs: jobs.max(1),
            first,
            snapshot,
        })
    }

    /// The catalog of that snapshot.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub async fn catalog(&mut self) -> Result<Catalog> {
        let mut second = self.worker().await?;
        Catalog::load(&mut self.first, &mut second).await
    }

    /// One more connection, in a READ ONLY transaction on the same snapshot.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn worker(&self) -> Result<PgConnection> {
        let mut connection = self.bare().await?;
        self.begin(&mut connection, "READ ONLY").await?;
        Ok(connection)
    }

    /// One more connection outside any transaction, with the limits set.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn bare(&self) -> Result<PgConnection> {
        let mut connection = (self.connect)().await?;
        set_limits(&mut connection, self.limits).await?;
        Ok(connection)
    }

    /// Opens a transaction on the same snapshot; `access` is `READ ONLY` or `READ WRITE`.
    ///
    /// # Errors
    /// `Failure` when the snapshot is gone.
    pub async fn begin(&self, connection: &mut PgConnection, access: &str) -> Result<()> {
        // Safe: the access mode is a constant of the callers, and the snapshot is quoted.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ {access}; SET TRANSACTION SNAPSHOT {}",
            literal(&self.snapshot)
        );
        connection
            .execute(AssertSqlSafe(begin))
            .await
            .context("a worker could not take over the audit's snapshot")?;
        Ok(())
    }
}

/// For the session, so that they outlive a transaction that is rolled back. With an empty search
/// path the server writes out every name with its schema; just-in-time compilation costs more
/// than it brings to many short statements.
pub(super) async fn set_limits(connection: &mut PgConnection, limits: Limits) -> Result<()> {
    // Safe: numbers and constants.
    let settings = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; \
         SET idle_in_transaction_session_timeout = 0; SET search_path = pg_catalog; SET jit = off; \
         SET application_name = 'tenantctl audit'",
        limits.statement.as_millis(),
        limits.lock.as_millis()
    );
    connection
        .execute(AssertSqlSafe(settings))
        .await
        .context("the session of the audit could not be set up")?;
    // Ends what runs once nobody waits for it; not every platform can look (manual, 20.3.2).
    let _unsupported = connection
        .execute("SET client_connection_check_interval = '1s'")
        .await;
    Ok(())
}
