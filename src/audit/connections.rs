//! Connections of one audit: one that reads the catalog and exports its snapshot, and workers that
//! see the same rows (PostgreSQL manual, 9.28.5, Snapshot Synchronization).

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::time::timeout;

use super::{
    catalog::{Catalog, Oid},
    model::Model,
    reach::{self, Guards, Reach},
    session::{AuditDeadline, Session, Stop},
};
use crate::{
    error::{Context, Error, Result},
    quoting::literal,
};

/// Opens a connection to a server that the caller chose.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<PgConnection>> + Send + Sync>;

/// Connections that an audit opens.
#[derive(Clone)]
pub struct Sessions {
    /// Opens the connection that reads the catalog and rows.
    pub catalog: Connect,
    /// Opens the connection of the probes; `None` to probe over `catalog`.
    pub probe: Option<Connect>,
}

impl From<Connect> for Sessions {
    fn from(catalog: Connect) -> Self {
        Self {
            catalog,
            probe: None,
        }
    }
}

/// Time limits for a statement, for a lock, and for the whole audit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub statement: Duration,
    pub lock: Duration,
    /// Counted from the first connection.
    pub deadline: Duration,
}

/// Progress of the audit.
pub trait Watch: Send + Sync {
    /// Starts a phase with that number of steps, if it is known.
    fn phase(&self, what: &str, steps: Option<u64>);
    /// Advances by that number of steps.
    fn advance(&self, steps: u64);
}

/// Connections of one audit.
pub struct Connections {
    sessions: Sessions,
    deadline: Arc<AuditDeadline>,
    /// Largest number of workers at the same time.
    pub jobs: usize,
    /// Session that holds the snapshot. Any error on it ends the audit; statements that may fail
    /// use [`Connections::worker`].
    first: Session,
    snapshot: String,
}

impl Connections {
    /// Connects, opens the transaction for all reads, and exports its snapshot. The time of the
    /// audit starts here.
    ///
    /// # Errors
    /// Same as `connect`; `Failure` if the server does not export a snapshot.
    pub async fn open(sessions: impl Into<Sessions>, limits: Limits, jobs: usize) -> Result<Self> {
        let sessions = sessions.into();
        let deadline = AuditDeadline::begin(limits);
        let mut first = Session::open(&sessions.catalog, &deadline).await?;
        first
            .prepare("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .context("could not open the audit's transaction")?;
        let snapshot = match first
            .fetch_one("SELECT pg_catalog.pg_export_snapshot()")
            .await
        {
            Err(error) if Stop::of(&error).is_some() => return Err(too_late()),
            exported => exported
                .and_then(|row| row.try_get(0))
                .context("could not export the audit's snapshot")?,
        };
        Ok(Self {
            sessions,
            deadline,
            jobs: jobs.max(1),
            first,
            snapshot,
        })
    }

    /// Reads the catalog of that snapshot.
    ///
    /// # Errors
    /// Those of [`Catalog::load`]; `Unavailable` if the deadline passes first: there is no report
    /// without the catalog.
    pub async fn catalog(&mut self) -> Result<Catalog> {
        let mut second = self.reader().await?;
        self.begin(&mut second, "READ ONLY").await?;
        if let (Some(one), Some(other)) = (self.first.connection(), second.connection()) {
            let loading = Catalog::load(one, other);
            if let Ok(loaded) = timeout(self.deadline.remaining(), loading).await {
                return loaded;
            }
        }
        self.first.abandon().await;
        second.abandon().await;
        Err(too_late())
    }

    /// `true` if the time of the audit is over. The remaining checks are skipped.
    pub fn is_over(&self) -> bool {
        self.deadline.is_over()
    }

    /// Returns the server processes with statements of the audit that could not be ended.
    pub async fn still_running(&self) -> Vec<i32> {
        self.deadline.still_running(&self.sessions.catalog).await
    }

    /// `true` if the probes use separate connections.
    pub fn has_probe_sessions(&self) -> bool {
        self.sessions.probe.is_some()
    }

    /// Returns the role that probes.
    ///
    /// # Errors
    /// Same as `connect`; `BadInput` if the probes would use a different database than the
    /// catalog.
    pub async fn probe_role(&mut self) -> Result<Oid> {
        if !self.has_probe_sessions() {
            return Ok(reach::session(live(&mut self.first)?).await?.role);
        }
        let (mut here, mut there) = (self.reader().await?, self.probe_session().await?);
        reach::same_database(live(&mut here)?, live(&mut there)?).await
    }

    /// Returns the reach of both sessions.
    pub async fn guards(&mut self, model: &Model, probe_role: Oid) -> Result<Guards> {
        let remaining = self.deadline.remaining();
        let first = live(&mut self.first)?;
        let loading = async {
            let own = reach::session(first).await?.role;
            let reader = Reach::load(first, model, own).await?;
            let probe = match own == probe_role {
                true => reader.clone(),
                false => Reach::load(first, model, probe_role).await?,
            };
            Ok(Guards { reader, probe })
        };
        match timeout(remaining, loading).await {
            Ok(guards) => guards,
            Err(_elapsed) => {
                self.first.abandon().await;
                Err(too_late())
            }
        }
    }

    /// Opens another session for probes, in a READ ONLY transaction on the same snapshot.
    pub async fn worker(&self) -> Result<Session> {
        let mut session = self.probe_session().await?;
        self.begin(&mut session, "READ ONLY").await?;
        Ok(session)
    }

    /// Opens another session for probes, outside any transaction.
    pub async fn probe_session(&self) -> Result<Session> {
        let connect = self.sessions.probe.as_ref();
        Session::open(connect.unwrap_or(&self.sessions.catalog), &self.deadline).await
    }

    /// Opens another session that reads rows, outside any transaction.
    pub async fn reader(&self) -> Result<Session> {
        Session::open(&self.sessions.catalog, &self.deadline).await
    }

    /// Opens a [`Connections::reader`] session in a READ ONLY transaction on the same snapshot;
    /// `None` if the probes and the reads share connections.
    pub async fn separate_reader(&self) -> Result<Option<Session>> {
        if !self.has_probe_sessions() {
            return Ok(None);
        }
        let mut session = self.reader().await?;
        self.begin(&mut session, "READ ONLY").await?;
        Ok(Some(session))
    }

    /// Opens a transaction on the same snapshot; `access` is `READ ONLY` or `READ WRITE`.
    ///
    /// # Errors
    /// `Failure` if the snapshot no longer exists.
    pub async fn begin(&self, session: &mut Session, access: &str) -> Result<()> {
        // Safe: the access mode is a constant of the callers, and the snapshot is quoted.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ {access}; SET TRANSACTION SNAPSHOT {}",
            literal(&self.snapshot)
        );
        session
            .prepare(AssertSqlSafe(begin))
            .await
            .context("could not import the audit's snapshot into a worker")
    }
}

/// Returns the connection of a session, if the time of the audit is not over.
fn live(session: &mut Session) -> Result<&mut PgConnection> {
    session.connection().ok_or_else(too_late)
}

fn too_late() -> Error {
    Error::unavailable("the time limit of the audit passed before the catalog was read")
        .hint("allow more time with --deadline")
}
