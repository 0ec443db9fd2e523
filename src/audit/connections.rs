//! The connections of one audit: one that reads the catalog and exports its snapshot, and
//! workers that see just the same rows (PostgreSQL manual, 9.28.5, Snapshot Synchronization).

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::time::timeout;

use super::{
    catalog::Catalog,
    session::{Session, Stop, Warden},
};
use crate::{
    error::{Context, Error, Result},
    quoting::literal,
};

/// Opens a connection; the caller knows where to.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<PgConnection>> + Send + Sync>;

/// How long a statement may take, and wait for a lock, and how long the whole audit may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub statement: Duration,
    pub lock: Duration,
    /// From the first connection on.
    pub deadline: Duration,
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
    warden: Arc<Warden>,
    /// How many workers may be at work at once.
    pub jobs: usize,
    /// Its transaction holds the snapshot. Whatever fails on it ends the audit: statements that
    /// may fail go through [`Connections::worker`].
    first: Session,
    snapshot: String,
}

impl Connections {
    /// Connects, opens the transaction that everything is read in, and exports its snapshot. The
    /// time of the audit begins.
    ///
    /// # Errors
    /// As `connect`; `Failure` when the server does not export a snapshot.
    pub async fn open(connect: Connect, limits: Limits, jobs: usize) -> Result<Self> {
        let warden = Warden::begin(limits);
        let mut first = Session::open(&connect, &warden).await?;
        first
            .prepare("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .context("the audit's transaction could not be opened")?;
        let snapshot = match first
            .fetch_one("SELECT pg_catalog.pg_export_snapshot()")
            .await
        {
            Err(error) if Stop::of(&error).is_some() => return Err(too_late()),
            exported => exported
                .and_then(|row| row.try_get(0))
                .context("the audit's snapshot could not be exported")?,
        };
        Ok(Self {
            connect,
            warden,
            jobs: jobs.max(1),
            first,
            snapshot,
        })
    }

    /// The catalog of that snapshot.
    ///
    /// # Errors
    /// Those of [`Catalog::load`]; `Unavailable` when the deadline passes first: without the catalog there
    /// is no report.
    pub async fn catalog(&mut self) -> Result<Catalog> {
        let mut second = self.worker().await?;
        if let (Some(one), Some(other)) = (self.first.connection(), second.connection()) {
            let loading = Catalog::load(one, other);
            if let Ok(loaded) = timeout(self.warden.remaining(), loading).await {
                return loaded;
            }
        }
        self.first.abandon().await;
        second.abandon().await;
        Err(too_late())
    }

    /// Whether the time of the audit is over: what was not checked yet is skipped.
    pub fn is_over(&self) -> bool {
        self.warden.is_over()
    }

    /// The server processes that may still run a statement of the audit, which could not be ended.
    pub async fn still_running(&self) -> Vec<i32> {
        self.warden.still_running(&self.connect).await
    }

    /// One more session, in a READ ONLY transaction on the same snapshot.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn worker(&self) -> Result<Session> {
        let mut session = self.bare().await?;
        self.begin(&mut session, "READ ONLY").await?;
        Ok(session)
    }

    /// One more session outside any transaction.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn bare(&self) -> Result<Session> {
        Session::open(&self.connect, &self.warden).await
    }

    /// Opens a transaction on the same snapshot; `access` is `READ ONLY` or `READ WRITE`.
    ///
    /// # Errors
    /// `Failure` when the snapshot is gone.
    pub async fn begin(&self, session: &mut Session, access: &str) -> Result<()> {
        // Safe: the access mode is a constant of the callers, and the snapshot is quoted.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ {access}; SET TRANSACTION SNAPSHOT {}",
            literal(&self.snapshot)
        );
        session
            .prepare(AssertSqlSafe(begin))
            .await
            .context("a worker could not take over the audit's snapshot")
    }
}

fn too_late() -> Error {
    Error::unavailable("the time limit of the audit passed before the catalog was read")
        .hint("give it more time: --deadline")
}
