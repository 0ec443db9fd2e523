//! A session of the audit: a connection whose statements end.
//!
//! The server ends a statement that takes too long, but the code that a statement runs may belong
//! to the audited database, and a function may catch `query_canceled` and go on. So the client
//! counts, too: what has not ended a while after its time is canceled from another connection,
//! then terminated, and then its connection is closed without waiting. The session remembers the
//! statements that put it where it was, so that a fresh one can take its place.

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

/// Time after its own limit at which a statement is ended from outside.
const GRACE: Duration = Duration::from_secs(3);

/// Time for which each way of ending a statement is given.
const PATIENCE: Duration = Duration::from_secs(2);

/// The reason a session gives no answers any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Stop {
    /// The time of the whole audit is over.
    #[error("deadline: the time limit of the audit passed before it was checked")]
    Deadline,
    /// A statement went on after it was canceled.
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

/// The clock of one audit, and what it could not end. All of its sessions share it.
#[derive(Debug)]
pub struct Warden {
    limits: Limits,
    deadline: Instant,
    /// Server processes whose end was not seen.
    left: Mutex<Vec<i32>>,
}

impl Warden {
    /// The time of an audit begins.
    pub fn begin(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            deadline: Instant::now() + limits.deadline,
            left: Mutex::default(),
        })
    }

    /// `true` if the time of the audit is over.
    pub fn is_over(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Remaining time.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// For how long a statement with that limit is waited for, and what it means if in vain.
    fn patience(&self, limit: Duration) -> (Duration, Stop) {
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

    /// The server processes that may still run a statement of the audit. Those whose end can be
    /// seen over a connection of its own are left out.
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
        timeout(PATIENCE, look).await.ok().flatten().unwrap_or(pids)
    }

    /// Cancels, then terminates, what a server process does, and waits each time for `work`; none
    /// where it goes on all the same.
    async fn end<T>(
        &self,
        connect: &Connect,
        pid: i32,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let mut other = None;
        for signal in ["pg_cancel_backend", "pg_terminate_backend"] {
            let _sent = timeout(PATIENCE, send(connect, &mut other, signal, pid)).await;
            if let Ok(done) = timeout(PATIENCE, &mut work).await {
                return Some(done);
            }
        }
        self.left().push(pid);
        None
    }
}

/// Sends a signal to a server process over another connection, that is opened where there is none.
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

/// A connection with the settings of the audit. Once it is over, every statement is refused with
/// the [`Stop`]; what only prepares others is remembered and passes.
pub struct Session {
    state: State,
    connect: Connect,
    warden: Arc<Warden>,
    /// The statements that put a fresh connection where this one is.
    past: Vec<String>,
    /// It holds something that they would not bring back.
    unique: bool,
    /// Longest time for one statement.
    limit: Duration,
}

impl Session {
    /// Connects, and sets what the audit relies on.
    ///
    /// # Errors
    /// Those of `connect`; `Failure` when the settings are refused. A session that is not open by
    /// the deadline is over.
    pub async fn open(connect: &Connect, warden: &Arc<Warden>) -> Result<Self> {
        let mut session = Self {
            state: State::Over(Stop::Deadline),
            connect: connect.clone(),
            warden: warden.clone(),
            past: Vec::new(),
            unique: false,
            limit: warden.limits.statement,
        };
        let remaining = warden.remaining();
        if remaining.is_zero() {
            return Ok(session);
        }
        let opened = async {
            let mut connection = connect().await?;
            let pid = set_up(&mut connection, warden.limits)
                .await
                .context("the session of the audit could not be set up")?;
            Ok::<_, Error>((connection, pid))
        };
        if let Ok(opened) = timeout(remaining, opened).await {
            let (connection, pid) = opened?;
            session.state = State::Live { connection, pid };
        }
        Ok(session)
    }

    /// The reason it gives no answers any more; none while it does.
    pub fn stopped(&self) -> Option<Stop> {
        match self.state {
            State::Live { .. } => None,
            State::Over(stop) => Some(stop),
        }
    }

    /// Longest time for a statement of it from now on, before it is ended from outside.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Longest time for a statement of it.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Does `work` on the connection, and ends it when it takes too long.
    ///
    /// # Errors
    /// The stop, when the session is or was ended.
    pub async fn within<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> T,
    ) -> Result<T, Stop> {
        if self.stopped().is_none() && self.warden.is_over() {
            self.state = State::Over(Stop::Deadline);
        }
        let State::Live { connection, pid } = &mut self.state else {
            return Err(self.stopped().unwrap_or(Stop::Deadline));
        };
        let (patience, stop) = self.warden.patience(self.limit);
        let ended = {
            let mut work = pin!(work(connection));
            match timeout(patience, &mut work).await {
                Ok(done) => return Ok(done),
                Err(_elapsed) => self.warden.end(&self.connect, *pid, work).await,
            }
        };
        match ended {
            // It could be canceled; the answer says so.
            Some(done) if stop == Stop::Overran && self.answers().await => Ok(done),
            _ => {
                // Closed without waiting: the server looks every second whether it still is open.
                self.state = State::Over(stop);
                Err(stop)
            }
        }
    }

    /// `true` if the connection survived the end of a statement.
    async fn answers(&mut self) -> bool {
        let State::Live { connection, .. } = &mut self.state else {
            return false;
        };
        // An empty statement is answered even in a transaction that has failed.
        matches!(timeout(PATIENCE, connection.execute("")).await, Ok(Ok(_)))
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

    /// Runs a statement that others rest on, and remembers it. On a session that is over it is
    /// only remembered: what rests on it is refused.
    ///
    /// # Errors
    /// The error of the server.
    pub async fn prepare(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<()> {
        let sql = sql.into_sql_str();
        let remembered = sql.as_str().to_owned();
        self.pass(sql).await?;
        self.past.push(remembered);
        Ok(())
    }

    /// Runs a statement whose effect is not missed on a session that is over.
    ///
    /// # Errors
    /// The error of the server.
    pub async fn pass(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<()> {
        match self.execute(sql).await {
            Err(error) if Stop::of(&error).is_none() => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets what was prepared from the last such statement on.
    pub fn forget_from(&mut self, sql: &str) {
        if let Some(place) = self.past.iter().rposition(|one| one == sql) {
            self.past.truncate(place);
        }
    }

    /// Forgets the transaction that was prepared: it ended.
    pub fn forget_transaction(&mut self) {
        if let Some(place) = self.past.iter().position(|one| one.starts_with("BEGIN ")) {
            self.past.truncate(place);
        }
    }

    /// Says whether it holds something that no other session would, such as rows.
    pub fn set_unique(&mut self, unique: bool) {
        self.unique = unique;
    }

    /// Puts a fresh connection in the place of one that was ended; whether there is one now.
    pub async fn revive(&mut self) -> bool {
        match self.state {
            State::Live { .. } => return true,
            State::Over(Stop::Overran) if !self.unique => {}
            State::Over(_) => return false,
        }
        // Without another connection it stays over.
        let Ok(fresh) = Self::open(&self.connect, &self.warden).await else {
            return false;
        };
        self.state = fresh.state;
        for sql in self.past.clone() {
            // Safe: it was when it was prepared.
            if self.execute(AssertSqlSafe(sql)).await.is_err() {
                self.state = State::Over(self.stopped().unwrap_or(Stop::Overran));
                return false;
            }
        }
        self.stopped().is_none()
    }

    /// The bare connection of a session that lives.
    pub(super) fn connection(&mut self) -> Option<&mut PgConnection> {
        match &mut self.state {
            State::Live { connection, .. } => Some(connection),
            State::Over(_) => None,
        }
    }

    /// Ends it from outside, when nothing on it is waited for any more.
    pub(super) async fn abandon(&mut self) {
        if let State::Live { pid, .. } = self.state {
            let _ended = self
                .warden
                .end(&self.connect, pid, pin!(std::future::pending::<()>()))
                .await;
        }
        self.state = State::Over(Stop::Deadline);
    }
}

/// Sets what the audit relies on, for the session, so that it outlives a transaction that is rolled
/// back; gives the number of the server process.
///
/// Settings of a role or a database decide how values are read and written, and which names mean
/// what. With nothing but the server's own schema in the path, functions and operators of others
/// are not found, and the server writes out every other name with its schema. Just-in-time
/// compilation costs more than it brings to many short statements.
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
    // Ends a statement once its client is gone; not every platform can look (manual, 20.3.2).
    let _unsupported = connection
        .execute("SET client_connection_check_interval = '1s'")
        .await;
    row.try_get(0)
}
