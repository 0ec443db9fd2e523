//! Workers that run the questions, all on one snapshot.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::try_join_all;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::{DataOptions, SessionKind, question::Question};
use crate::{
    audit::{
        catalog::Oid,
        connections::{Connections, Watch},
        model::Model,
        report::Finding,
        session::{Session, Stop},
    },
    error::{Context, Result},
};

/// The answer to a question.
pub(super) enum Outcome {
    Clean,
    Found(Box<Finding>),
    /// The question could not be answered, for this reason.
    Skipped(String),
}

/// State shared by the workers.
struct QuestionQueue<'a> {
    model: &'a Model,
    connections: &'a Connections,
    session: SessionKind,
    questions: &'a [Question],
    options: &'a DataOptions,
    watch: &'a dyn Watch,
    next: AtomicUsize,
    /// Tables locked by other sessions. Waiting for one again would only lose time.
    locked: Mutex<BTreeSet<Oid>>,
}

/// Reason why a statement returned no answer.
enum Failure {
    /// The server refused or stopped it; the session can continue.
    Refused { state: String, message: String },
    /// The session had to be terminated.
    Stopped(Stop),
    /// The connection was lost.
    Lost(sqlx::Error),
}

/// Runs all questions, `connections.jobs` at once. The answers are in the order of the questions.
pub(super) async fn ask(
    model: &Model,
    connections: &Connections,
    session: SessionKind,
    questions: &[Question],
    options: &DataOptions,
    watch: &dyn Watch,
) -> Result<Vec<Outcome>> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    watch.phase("comparing rows", Some(questions.len() as u64));
    let queue = QuestionQueue {
        model,
        connections,
        session,
        questions,
        options,
        watch,
        next: AtomicUsize::new(0),
        locked: Mutex::default(),
    };
    let workers = (0..connections.jobs.min(questions.len())).map(|_| work(&queue));
    let mut answers: Vec<(usize, Outcome)> =
        try_join_all(workers).await?.into_iter().flatten().collect();
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Runs questions until none are left.
async fn work(queue: &QuestionQueue<'_>) -> Result<Vec<(usize, Outcome)>> {
    let mut connection = open(queue.connections, queue.session).await?;
    let mut answers = Vec::new();
    loop {
        let place = queue.next.fetch_add(1, Ordering::Relaxed);
        let Some(question) = queue.questions.get(place) else {
            return Ok(answers);
        };
        let outcome = match queue.known_lock(question) {
            Some(reason) => Outcome::Skipped(reason),
            None => queue.answer(&mut connection, question).await?,
        };
        answers.push((place, outcome));
        queue.watch.advance(1);
    }
}

/// Opens a session that sees every row or fails (manual, 20.11, `row_security`).
async fn open(connections: &Connections, session: SessionKind) -> Result<Session> {
    let mut connection = match session {
        SessionKind::Reader => connections.reader().await?,
        SessionKind::Probe => connections.probe_session().await?,
    };
    connection
        .prepare("SET row_security = off")
        .await
        .context("could not set up a session for the data checks")?;
    connections.begin(&mut connection, "READ ONLY").await?;
    Ok(connection)
}

impl QuestionQueue<'_> {
    async fn answer(&self, connection: &mut Session, question: &Question) -> Result<Outcome> {
        let count = match count(connection, question).await {
            Ok(0) => return Ok(Outcome::Clean),
            Ok(count) => count,
            Err(failure) => {
                let reason = self.recover(connection, question, failure).await?;
                return Ok(Outcome::Skipped(reason));
            }
        };
        let finding = match sample(
            connection,
            question,
            self.options.samples,
            self.whole(question),
        )
        .await
        {
            Ok(rows) => question.answered(count, rows),
            Err(failure) => {
                let reason = self.recover(connection, question, failure).await?;
                let finding = question.answered(count, Vec::new());
                finding.fact(format!("the rows were counted, but not sampled: {reason}"))
            }
        };
        Ok(Outcome::Found(Box::new(finding)))
    }

    /// `true` if whole rows are requested and may be read.
    fn whole(&self, question: &Question) -> bool {
        let catalog = &self.model.catalog;
        self.options.show_values
            && catalog
                .rights
                .on_relation(self.session.role(self.model), question.table)
                .select
    }

    /// Reopens the transaction after a statement failed in it, and returns the reason for the
    /// failure.
    async fn recover(
        &self,
        connection: &mut Session,
        question: &Question,
        failure: Failure,
    ) -> Result<String> {
        let (state, message) = match failure {
            Failure::Refused { state, message } => (state, message),
            Failure::Stopped(stop) => {
                connection.revive().await;
                return Ok(stop.to_string());
            }
            Failure::Lost(error) => return Err(error).context("a data check lost its connection"),
        };
        connection.forget_transaction();
        connection
            .pass("ROLLBACK")
            .await
            .context("a data check lost its connection")?;
        self.connections.begin(connection, "READ ONLY").await?;
        Ok(match state.as_str() {
            LOCK_NOT_AVAILABLE => {
                match locked_tables(connection, question).await {
                    Err(error) if Stop::of(&error).is_some() => {}
                    locked => {
                        let locked = locked.context("could not read the locks")?;
                        self.locks().extend(locked);
                    }
                }
                self.known_lock(question)
                    .unwrap_or_else(|| "a table that it reads is locked by another session".into())
            }
            QUERY_CANCELED => format!("the server stopped the comparison: {message}"),
            _ => message,
        })
    }

    /// Returns the reason why a question cannot be answered now, if another one has waited for one
    /// of its tables without success.
    fn known_lock(&self, question: &Question) -> Option<String> {
        let locked = self.locks();
        let table = question.reads.keys().find(|table| locked.contains(table))?;
        let table = self.model.catalog.relations.get(table)?.display();
        Some(format!("{table} is locked by another session"))
    }

    fn locks(&self) -> std::sync::MutexGuard<'_, BTreeSet<Oid>> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// SQLSTATE codes (manual, appendix A).
const LOCK_NOT_AVAILABLE: &str = "55P03";
const QUERY_CANCELED: &str = "57014";

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if let Some(stop) = Stop::of(&error) {
            return Self::Stopped(stop);
        }
        match error {
            sqlx::Error::Database(refusal) => Self::Refused {
                state: refusal.code().unwrap_or_default().into_owned(),
                message: refusal.message().to_owned(),
            },
            other => Self::Lost(other),
        }
    }
}

async fn count(connection: &mut Session, question: &Question) -> Result<u64, Failure> {
    // Safe: constants and quoted names.
    let row = connection
        .fetch_one(AssertSqlSafe(question.count()))
        .await?;
    let count: i64 = row.try_get(0)?;
    Ok(count.unsigned_abs())
}

async fn sample(
    connection: &mut Session,
    question: &Question,
    rows: u32,
    whole: bool,
) -> Result<Vec<Value>, Failure> {
    // Safe: constants, a number, and quoted names.
    let sql = AssertSqlSafe(question.sample(rows, whole));
    let rows = connection.fetch_all(sql).await?;
    let values = rows.iter().map(|row| row.try_get(0));
    Ok(values.collect::<Result<Vec<Value>, sqlx::Error>>()?)
}

/// Returns the tables of a question that another session holds in the only lock mode that blocks
/// readers (manual, 13.3.1).
async fn locked_tables(
    connection: &mut Session,
    question: &Question,
) -> Result<Vec<Oid>, sqlx::Error> {
    let tables: Vec<String> = question
        .reads
        .keys()
        .map(|table| table.0.to_string())
        .collect();
    // Safe: numbers.
    let sql = AssertSqlSafe(format!(
        "SELECT DISTINCT relation FROM pg_catalog.pg_locks
          WHERE locktype OPERATOR(pg_catalog.=) 'relation'
            AND mode OPERATOR(pg_catalog.=) 'AccessExclusiveLock' AND granted
            AND database OPERATOR(pg_catalog.=)
                (SELECT oid FROM pg_catalog.pg_database
                  WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
            AND relation OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::pg_catalog.oid[])",
        tables.join(", ")
    ));
    let rows = connection.fetch_all(sql).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
