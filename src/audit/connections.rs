//! The connections of one audit: one that reads the catalog and exports its snapshot, and
//! workers that see just the same rows (PostgreSQL manual, 9.28.5, Snapshot Synchronization).

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::time::timeout;

use super::{
    catalog::{Catalog, Oid},
    model::Model,
    reach::{self, Guards, Reach},
    session::{Session, Stop, Warden},
};
use crate::{
    error::{Context, Error, Result},
    quoting::literal,
};

/// Opens a connection; the caller knows where to.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<PgConnection>> + Send + Sync>;

/// The connections that an audit opens.
#[derive(Clone)]
pub struct Sessions {
    /// Reads the catalog, and looks at rows.
    pub catalog: Connect,
    /// Attacks. Without it the first one does.
    pub attack: Option<Connect>,
}

impl From<Connect> for Sessions {
    fn from(catalog: Connect) -> Self {
        Self {
            catalog,
            attack: None,
        }
    }
}

/// Longest time for a statement, for a lock, and for the whole audit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub statement: Duration,
    pub lock: Duration,
    /// From the first connection on.
    pub deadline: Duration,
}

/// Progress of the audit.
pub trait Watch: Send + Sync {
    /// A phase begins, of that many steps where that is known.
    fn phase(&self, what: &str, steps: Option<u64>);
    /// So many steps are done.
    fn advance(&self, steps: u64);
}

/// The connections of one audit.
pub struct Connections {
    sessions: Sessions,
    warden: Arc<Warden>,
    /// Largest number of workers at the same time.
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
    /// Same as `connect`; `Failure` when the server does not export a snapshot.
    pub async fn open(sessions: impl Into<Sessions>, limits: Limits, jobs: usize) -> Result<Self> {
        let sessions = sessions.into();
        let warden = Warden::begin(limits);
        let mut first = Session::open(&sessions.catalog, &warden).await?;
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
            sessions,
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
        let mut second = self.looking().await?;
        self.begin(&mut second, "READ ONLY").await?;
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

    /// `true` if the time of the audit is over: what was not checked yet is skipped.
    pub fn is_over(&self) -> bool {
        self.warden.is_over()
    }

    /// The server processes that may still run a statement of the audit, which could not be ended.
    pub async fn still_running(&self) -> Vec<i32> {
        self.warden.still_running(&self.sessions.catalog).await
    }

    /// `true` if the attacks have connections of their own.
    pub fn attack_apart(&self) -> bool {
        self.sessions.attack.is_some()
    }

    /// The role that the attacks are made from.
    ///
    /// # Errors
    /// Same as `connect`; `BadInput` where they would be made on another database than the catalog is
    /// of.
    pub async fn attacker(&mut self) -> Result<Oid> {
        if !self.attack_apart() {
            return Ok(reach::session(live(&mut self.first)?).await?.role);
        }
        let (mut here, mut there) = (self.looking().await?, self.bare().await?);
        reach::same_database(live(&mut here)?, live(&mut there)?).await
    }

    /// The reach of both sessions.
    pub async fn guards(&mut self, model: &Model, attacker: Oid) -> Result<Guards> {
        let remaining = self.warden.remaining();
        let first = live(&mut self.first)?;
        let loading = async {
            let own = reach::session(first).await?.role;
            let eyes = Reach::load(first, model, own).await?;
            let attack = match own == attacker {
                true => eyes.clone(),
                false => Reach::load(first, model, attacker).await?,
            };
            Ok(Guards { eyes, attack })
        };
        match timeout(remaining, loading).await {
            Ok(guards) => guards,
            Err(_elapsed) => {
                self.first.abandon().await;
                Err(too_late())
            }
        }
    }

    /// One more connection that attacks, in a READ ONLY transaction on the same snapshot.
    pub async fn worker(&self) -> Result<Session> {
        let mut session = self.bare().await?;
        self.begin(&mut session, "READ ONLY").await?;
        Ok(session)
    }

    /// One more session that attacks, outside any transaction.
    pub async fn bare(&self) -> Result<Session> {
        let connect = self.sessions.attack.as_ref();
        Session::open(connect.unwrap_or(&self.sessions.catalog), &self.warden).await
    }

    /// One more session that looks at rows, outside any transaction.
    pub async fn looking(&self) -> Result<Session> {
        Session::open(&self.sessions.catalog, &self.warden).await
    }

    /// [`Connections::looking`] in a READ ONLY transaction on the same snapshot; none where what
    /// attacks looks, too.
    pub async fn eyes_apart(&self) -> Result<Option<Session>> {
        if !self.attack_apart() {
            return Ok(None);
        }
        let mut session = self.looking().await?;
        self.begin(&mut session, "READ ONLY").await?;
        Ok(Some(session))
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

/// The connection of a session, if the time of the audit is not over.
fn live(session: &mut Session) -> Result<&mut PgConnection> {
    session.connection().ok_or_else(too_late)
}

fn too_late() -> Error {
    Error::unavailable("the time limit of the audit passed before the catalog was read")
        .hint("give it more time: --deadline")
}
