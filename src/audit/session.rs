//! Session of the audit: a connection with statements that always end.
//!
//! The server ends a statement that takes too long. But a statement may run code of the audited
//! database, and a function can catch `query_canceled` and continue. So the client measures the
//! time too. Shortly after its limit, a statement is canceled from another connection. If that
//! fails, its process is terminated, and then its connection is closed without waiting. The session
//! records its setup statements, so that a new connection can replace it.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Executor, PgConnection, Row, SqlSafeStr,
    postgres::{PgQueryResult, PgRow},
};
use tokio::time::{Instant, timeout};

use super::connections::{Connect, Limits};
use crate::error::{Context, Error, Result};

/// Time after its own limit at which a statement is ended from another connection.
const GRACE: Duration = Duration::from_secs(3);

/// Time to wait after each attempt to end a statement.
const SIGNAL_WAIT: Duration = Duration::from_secs(2);

/// Reason that a session no longer answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Stop {
    /// The time of the whole audit is over.
    #[error("deadline: the time limit of the audit passed before it was checked")]
    Deadline,
    /// A statement continued after it was canceled.
    #[error(
        "a statement kept running after its time limit and after it was canceled: its session was terminated"
    )]
    Overran,
}

impl Stop {
    /// Returns the reason if the error is a stop.
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::AnyDriverError(error) => error.downcast_ref().copied(),
            _ => None,
        }
    }

    fn error(self) -> sqlx::Error {
        sqlx::Error::AnyDriverError(Box::new(self))
    }
}

/// Deadline of one audit, shared by its sessions, and the server processes it could not end.
#[derive(Debug)]
pub struct AuditDeadline {
    limits: Limits,
    ends_at: Instant,
    /// Server processes that were not seen to end.
    left: Mutex<Vec<i32>>,
}

impl AuditDeadline {
    /// Starts the time of an audit.
    pub fn begin(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            ends_at: Instant::now() + limits.deadline,
            left: Mutex::default(),
        })
    }

    /// `true` if the time of the audit is over.
    pub fn is_over(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Remaining time.
    pub fn remaining(&self) -> Duration {
        self.ends_at.saturating_duration_since(Instant::now())
    }

    /// Returns the time to wait for a statement with that limit, and the stop if it does not end by
    /// then.
    fn wait_for(&self, limit: Duration) -> (Duration, Stop) {
        let remaining = self.remaining();
        let statement = limit.saturating_add(GRACE.min(limit));
        match statement < remaining {
            true => (statement, Stop::Overran),
            false => (remaining, Stop::Deadline),
        }
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Vec<i32>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the server processes that may still run a statement of the audit. Checks over a
    /// separate connection which of them have ended.
    pub async fn still_running(&self, connect: &Connect) -> Vec<i32> {
        let pids = self.left().clone();
        if pids.is_empty() {
            return pids;
        }
        let list: Vec<String> = pids.iter().map(i32::to_string).collect();
        // Safe: numbers.
        let sql = format!(
            "SELECT a.pid FROM pg_catalog.pg_stat_activity a \
             WHERE a.pid OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::pg_catalog.int4[])",
            list.join(", ")
        );
        let look = async {
            let mut connection = connect().await.ok()?;
            let rows = connection.fetch_all(AssertSqlSafe(sql)).await.ok()?;
            let pids = rows.iter().map(|row| row.try_get::<i32, _>(0).ok());
            pids.collect::<Option<Vec<i32>>>()
        };
        timeout(SIGNAL_WAIT, look)
            .await
            .ok()
            .flatten()
            .unwrap_or(pids)
    }

    /// Cancels, then terminates the statement of a server process, and waits for `work` after each;
    /// `None` if it continues.
    async fn end<T>(
        &self,
        connect: &Connect,
        pid: i32,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let mut other = None;
        for signal in ["pg_cancel_backend", "pg_terminate_backend"] {
            let _sent = timeout(SIGNAL_WAIT, send(connect, &mut other, signal, pid)).await;
            if let Ok(done) = timeout(SIGNAL_WAIT, &mut work).await {
                return Some(done);
            }
        }
        self.left().push(pid);
        None
    }
}

/// Sends a signal to a server process over another connection, which is opened if necessary.
async fn send(
    connect: &Connect,
    other: &mut Option<PgConnection>,
    signal: &str,
    pid: i32,
) -> Option<bool> {
    let connection = match other {
        Some(connection) => connection,
        None => other.insert(connect().await.ok()?),
    };
    // Safe: a constant and a number.
    let sql = AssertSqlSafe(format!("SELECT pg_catalog.{signal}({pid})"));
    let row = connection.fetch_one(sql).await.ok()?;
    row.try_get(0).ok()
}

enum State {
    Live { connection: PgConnection, pid: i32 },
    Over(Stop),
}

/// Connection with the settings of the audit. When it is over, every statement is refused with the
/// [`Stop`], but setup statements are recorded and succeed.
pub struct Session {
    state: State,
    connect: Connect,
    deadline: Arc<AuditDeadline>,
    /// The statements that set up a new connection in the same state.
    setup: Vec<String>,
    /// `true` if its state cannot be restored by them.
    unique: bool,
    /// The time limit of one statement.
    limit: Duration,
}

impl Session {
    /// Connects and applies the settings that the audit relies on.
    ///
    /// # Errors
    /// Those of `connect`; `Failure` if the server rejects the settings. A session that is not open
    /// by the deadline is over.
    pub async fn open(connect: &Connect, deadline: &Arc<AuditDeadline>) -> Result<Self> {
        let mut session = Self {
            state: State::Over(Stop::Deadline),
            connect: connect.clone(),
            deadline: deadline.clone(),
            setup: Vec::new(),
            unique: false,
            limit: deadline.limits.statement,
        };
        let remaining = deadline.remaining();
        if remaining.is_zero() {
            return Ok(session);
        }
        let opened = async {
            let mut connection = connect().await?;
            let pid = set_up(&mut connection, deadline.limits)
                .await
                .context("could not set up a session of the audit")?;
            Ok::<_, Error>((connection, pid))
        };
        if let Ok(opened) = timeout(remaining, opened).await {
            let (connection, pid) = opened?;
            session.state = State::Live { connection, pid };
        }
        Ok(session)
    }

    /// Returns the reason that it no longer answers, if any.
    pub fn stopped(&self) -> Option<Stop> {
        match self.state {
            State::Live { .. } => None,
            State::Over(stop) => Some(stop),
        }
    }

    /// Sets the time limit of later statements, after which they are ended from another connection.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Returns the time limit of a statement.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Runs `work` on the connection, and ends it if it takes too long.
    ///
    /// # Errors
    /// The stop, if the session was ended now or before.
    pub async fn within<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> T,
    ) -> Result<T, Stop> {
        if self.stopped().is_none() && self.deadline.is_over() {
            self.state = State::Over(Stop::Deadline);
        }
        let State::Live { connection, pid } = &mut self.state else {
            return Err(self.stopped().unwrap_or(Stop::Deadline));
        };
        let (wait, stop) = self.deadline.wait_for(self.limit);
        let ended = {
            let mut work = pin!(work(connection));
            match timeout(wait, &mut work).await {
                Ok(done) => return Ok(done),
                Err(_elapsed) => self.deadline.end(&self.connect, *pid, work).await,
            }
        };
        match ended {
            // It was canceled; the answer reports that.
            Some(done) if stop == Stop::Overran && self.answers().await => Ok(done),
            _ => {
                // Closed without waiting: the server checks the connection every second.
                self.state = State::Over(stop);
                Err(stop)
            }
        }
    }

    /// `true` if the connection still works after a statement was ended.
    async fn answers(&mut self) -> bool {
        let State::Live { connection, .. } = &mut self.state else {
            return false;
        };
        // An empty statement is answered even in a failed transaction.
        matches!(
            timeout(SIGNAL_WAIT, connection.execute("")).await,
            Ok(Ok(_))
        )
    }

    async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        self.within(work).await.map_err(Stop::error)?
    }

    /// Runs a statement as [`Executor`] does.
    pub async fn execute(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<PgQueryResult> {
        let sql = sql.into_sql_str();
        self.run(async |connection| connection.execute(sql).await)
            .await
    }

    /// Runs a statement as [`Executor`] does.
    pub async fn fetch_one(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<PgRow> {
        let sql = sql.into_sql_str();
        self.run(async |connection| connection.fetch_one(sql).await)
            .await
    }

    /// Runs a statement as [`Executor`] does.
    pub async fn fetch_optional(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<Option<PgRow>> {
        let sql = sql.into_sql_str();
        self.run(async |connection| connection.fetch_optional(sql).await)
            .await
    }

    /// Runs a statement as [`Executor`] does.
    pub async fn fetch_all(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<Vec<PgRow>> {
        let sql = sql.into_sql_str();
        self.run(async |connection| connection.fetch_all(sql).await)
            .await
    }

    /// Runs and records a setup statement. On a session that is over it is only recorded, because
    /// statements that depend on it are refused.
    ///
    /// # Errors
    /// The error of the server.
    pub async fn prepare(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<()> {
        let sql = sql.into_sql_str();
        let remembered = sql.as_str().to_owned();
        self.pass(sql).await?;
        self.setup.push(remembered);
        Ok(())
    }

    /// Runs a statement that is not needed on a session that is over.
    ///
    /// # Errors
    /// The error of the server.
    pub async fn pass(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<()> {
        match self.execute(sql).await {
            Err(error) if Stop::of(&error).is_none() => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the recorded statements from the last occurrence of this one.
    pub fn forget_from(&mut self, sql: &str) {
        if let Some(place) = self.setup.iter().rposition(|one| one == sql) {
            self.setup.truncate(place);
        }
    }

    /// Removes the recorded transaction after it ended.
    pub fn forget_transaction(&mut self) {
        if let Some(place) = self.setup.iter().position(|one| one.starts_with("BEGIN ")) {
            self.setup.truncate(place);
        }
    }

    /// Records whether it has state that another session would not have, such as rows.
    pub fn set_unique(&mut self, unique: bool) {
        self.unique = unique;
    }

    /// Replaces a connection that was ended by a new one. Returns `true` if there is a working
    /// connection.
    pub async fn revive(&mut self) -> bool {
        match self.state {
            State::Live { .. } => return true,
            State::Over(Stop::Overran) if !self.unique => {}
            State::Over(_) => return false,
        }
        // Without another connection the session remains over.
        let Ok(fresh) = Self::open(&self.connect, &self.deadline).await else {
            return false;
        };
        self.state = fresh.state;
        for sql in self.setup.clone() {
            // Safe: it was safe when it was recorded.
            if self.execute(AssertSqlSafe(sql)).await.is_err() {
                self.state = State::Over(self.stopped().unwrap_or(Stop::Overran));
                return false;
            }
        }
        self.stopped().is_none()
    }

    /// Returns the connection of a session that is not over.
    pub(super) fn connection(&mut self) -> Option<&mut PgConnection> {
        match &mut self.state {
            State::Live { connection, .. } => Some(connection),
            State::Over(_) => None,
        }
    }

    /// Ends its statement from another connection, once the caller no longer waits for it.
    pub(super) async fn abandon(&mut self) {
        if let State::Live { pid, .. } = self.state {
            let _ended = self
                .deadline
                .end(&self.connect, pid, pin!(std::future::pending::<()>()))
                .await;
        }
        self.state = State::Over(Stop::Deadline);
    }
}

/// Applies the settings that the audit relies on to the session, so that they outlive a rollback.
/// Returns the process ID of the server process.
///
/// Settings of a role or a database affect how values are read and formatted, and how names
/// resolve. With only `pg_catalog` in the path, user-defined functions and operators are not found,
/// and the server qualifies all other names with their schema. Just-in-time compilation costs more
/// than it saves with many short statements.
async fn set_up(connection: &mut PgConnection, limits: Limits) -> sqlx::Result<i32> {
    // Safe: numbers and constants.
    let settings = format!(
        "SET statement_timeout = {statement}; SET lock_timeout = {lock}; \
         SET idle_in_transaction_session_timeout = 0; \
         SET search_path = pg_catalog, pg_temp; SET jit = off; \
         SET standard_conforming_strings = on; \
         SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; \
         SET bytea_output = 'hex'; SET xmloption = 'content'; SET array_nulls = on; \
         SET transform_null_equals = off; SET quote_all_identifiers = off; \
         SET client_min_messages = warning; \
         SET application_name = 'tenantctl audit'; \
         SELECT pg_catalog.pg_backend_pid(), \
                CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 \
                          OPERATOR(pg_catalog.>=) 170000 \
                     THEN pg_catalog.set_config('transaction_timeout', '0', false) END",
        statement = limits.statement.as_millis(),
        lock = limits.lock.as_millis()
    );
    let row = connection.fetch_one(AssertSqlSafe(settings)).await?;
    // Ends a statement when its client is gone. Not supported on all platforms (PostgreSQL manual,
    // 20.3.2).
    let _unsupported = connection
        .execute("SET client_connection_check_interval = '1s'")
        .await;
    row.try_get(0)
}
