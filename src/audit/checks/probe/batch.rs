//! Many statements in one round trip, each undone as soon as it ran.
//!
//! A `DO` block runs every statement in a subtransaction of its own (PostgreSQL manual, 43.6.8),
//! which is always rolled back: an error is an answer, nothing stays changed, and no lock is kept,
//! so that thousands of tables fit into the lock table.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row, postgres::PgDatabaseError};

use crate::{
    error::{Context, Result},
    quoting::literal,
};

/// How many statements go into one block.
pub(super) const CHUNK: usize = 250;

/// What the block itself raises to undo a statement: no SQLSTATE of PostgreSQL begins so.
const UNDO: &str = "TA000";
const QUERY_CANCELED: &str = "57014";
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Where a block leaves its replies for the next statement.
const REPLIES: &str = "tenantctl_audit.replies";

/// One statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Returns one value of type jsonb, or no row.
    Read,
    /// Changes rows. What was achieved is read by the second statement, in the name of the
    /// session's own role.
    Write { check: Option<String> },
}

/// What became of a statement.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Reply {
    /// What was read, or what the check of a change read.
    pub(super) value: Option<Value>,
    /// Rows changed.
    #[serde(default)]
    pub(super) rows: u64,
    #[serde(flatten)]
    pub(super) refusal: Option<Refusal>,
}

/// An error of the database.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) state: String,
    pub(super) message: String,
    /// The constraint that was violated, or the column that may not be NULL.
    #[serde(default)]
    pub(super) constraint: Option<String>,
}

impl Statement {
    pub(super) fn read(sql: String) -> Self {
        Self {
            sql,
            kind: Kind::Read,
        }
    }

    pub(super) fn write(sql: String, check: Option<String>) -> Self {
        Self {
            sql,
            kind: Kind::Write { check },
        }
    }

    fn check(&self) -> Option<&str> {
        match &self.kind {
            Kind::Read => None,
            Kind::Write { check } => check.as_deref(),
        }
    }

    fn reads(&self) -> bool {
        matches!(self.kind, Kind::Read)
    }
}

impl Reply {
    fn refused(refusal: Refusal) -> Self {
        Self {
            refusal: Some(refusal),
            ..Self::default()
        }
    }
}

/// Runs the statements in the open transaction; one reply for each, in their order. The
/// transaction goes on as it was.
///
/// # Errors
/// `Failure` when the connection is lost; what a statement does wrong is in its reply.
pub(super) async fn run(
    connection: &mut PgConnection,
    statements: &[Statement],
) -> Result<Vec<Reply>> {
    let mut replies: Vec<Reply> = Vec::with_capacity(statements.len());
    let mut waiting: Vec<Range<usize>> = chunks(statements.len());
    while let Some(range) = waiting.pop() {
        match block(connection, &statements[range.clone()]).await? {
            Ok(found) => replies.extend(found),
            // Too slow together: the halves are tried. `statement_timeout` counts for a block.
            Err(refusal) if refusal.state == QUERY_CANCELED && range.len() > 1 => {
                let middle = range.start + range.len() / 2;
                waiting.push(middle..range.end);
                waiting.push(range.start..middle);
            }
            Err(refusal) if refusal.state == INSUFFICIENT_PRIVILEGE => {
                // The role may not use PL/pgSQL.
                for statement in &statements[range] {
                    replies.push(alone(connection, statement).await?);
                }
            }
            Err(refusal) => {
                replies.extend(range.map(|_| Reply::refused(refusal.clone())));
            }
        }
    }
    Ok(replies)
}

/// The last one first: the next is taken from the end.
fn chunks(length: usize) -> Vec<Range<usize>> {
    let starts = (0..length).step_by(CHUNK);
    let mut chunks: Vec<_> = starts
        .map(|start| start..length.min(start + CHUNK))
        .collect();
    chunks.reverse();
    chunks
}

async fn block(
    connection: &mut PgConnection,
    statements: &[Statement],
) -> Result<std::result::Result<Vec<Reply>, Refusal>> {
    let sql = format!(
        "SAVEPOINT tenantctl_audit; DO {}",
        literal(&body(statements))
    );
    // Safe: the block is one quoted literal, and the statements in it are quoted once more.
    if let Err(error) = connection.execute(AssertSqlSafe(sql)).await {
        let refusal = refusal(error)?;
        connection
            .execute("ROLLBACK TO SAVEPOINT tenantctl_audit; RELEASE SAVEPOINT tenantctl_audit")
            .await
            .context("the attack's transaction could not be continued")?;
        return Ok(Err(refusal));
    }
    // Safe: a constant.
    let fetch = format!("SELECT pg_catalog.current_setting('{REPLIES}')");
    let text: String = connection
        .fetch_one(AssertSqlSafe(fetch))
        .await
        .and_then(|row| row.try_get(0))
        .context("the replies of the attack could not be read")?;
    connection
        .execute("RELEASE SAVEPOINT tenantctl_audit")
        .await
        .context("the attack's transaction could not be continued")?;
    let replies = serde_json::from_str(&text).context("the replies of the attack are no JSON")?;
    Ok(Ok(replies))
}

/// The PL/pgSQL of a block. Every name of PostgreSQL's own is written with its schema: the search
/// path is the application's.
fn body(statements: &[Statement]) -> String {
    let list = |each: fn(&Statement) -> String| -> String {
        statements.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    let sql = list(|one| literal(&one.sql));
    let reads = list(|one| one.reads().to_string());
    let checks = list(|one| one.check().map_or_else(|| "NULL".to_owned(), literal));
    format!(
        "DECLARE
  statements pg_catalog.text[] := ARRAY[{sql}]::pg_catalog.text[];
  reads pg_catalog.bool[] := ARRAY[{reads}]::pg_catalog.bool[];
  checks pg_catalog.text[] := ARRAY[{checks}]::pg_catalog.text[];
  replies pg_catalog.json[] := '{{}}';
  value pg_catalog.jsonb;
  touched pg_catalog.int8;
  code pg_catalog.text;
  said pg_catalog.text;
  broken pg_catalog.text;
  missing pg_catalog.text;
BEGIN
  FOR place IN 1 .. pg_catalog.cardinality(statements) LOOP
    value := NULL; touched := 0; code := NULL; said := NULL;
    BEGIN
      IF reads[place] THEN
        EXECUTE statements[place] INTO value;
      ELSE
        EXECUTE statements[place];
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched > 0 AND checks[place] IS NOT NULL THEN
          BEGIN
            SET LOCAL ROLE NONE;
            EXECUTE checks[place] INTO value;
          EXCEPTION WHEN OTHERS THEN
            value := NULL;
          END;
        END IF;
      END IF;
      RAISE EXCEPTION USING ERRCODE = '{UNDO}';
    EXCEPTION
      WHEN SQLSTATE '{UNDO}' THEN
        NULL;
      WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, said = MESSAGE_TEXT,
          broken = CONSTRAINT_NAME, missing = COLUMN_NAME;
    END;
    replies := replies || CASE WHEN code IS NULL
      THEN pg_catalog.json_build_object('value', value, 'rows', touched)
      ELSE pg_catalog.json_build_object('state', code, 'message', said,
        'constraint', COALESCE(NULLIF(broken, ''), NULLIF(missing, ''))) END;
  END LOOP;
  PERFORM pg_catalog.set_config('{REPLIES}', pg_catalog.array_to_json(replies)::pg_catalog.text, true);
END"
    )
}

/// One statement without PL/pgSQL.
async fn alone(connection: &mut PgConnection, statement: &Statement) -> Result<Reply> {
    connection
        .execute("SAVEPOINT tenantctl_audit")
        .await
        .context("the attack's transaction could not be continued")?;
    let reply = attempt(connection, statement).await?;
    connection
        .execute("ROLLBACK TO SAVEPOINT tenantctl_audit; RELEASE SAVEPOINT tenantctl_audit")
        .await
        .context("the attack's transaction could not be continued")?;
    Ok(reply)
}

async fn attempt(connection: &mut PgConnection, statement: &Statement) -> Result<Reply> {
    // Safe: whoever makes the statements quotes every name and value.
    let sql = AssertSqlSafe(statement.sql.clone());
    if statement.reads() {
        return Ok(match connection.fetch_optional(sql).await {
            Ok(row) => {
                let value: Option<Option<Value>> = row
                    .map(|row| row.try_get(0))
                    .transpose()
                    .context("no value was read")?;
                Reply {
                    value: value.flatten(),
                    ..Reply::default()
                }
            }
            Err(error) => Reply::refused(refusal(error)?),
        });
    }
    let rows = match connection.execute(sql).await {
        Ok(done) => done.rows_affected(),
        Err(error) => return Ok(Reply::refused(refusal(error)?)),
    };
    let mut value = None;
    if let Some(check) = statement.check().filter(|_| rows > 0) {
        let role = connection.execute("SET LOCAL ROLE NONE").await;
        role.context("the session's own role could not be taken back")?;
        // Safe: as above. What cannot be checked stays unknown.
        let row = connection
            .fetch_optional(AssertSqlSafe(check.to_owned()))
            .await;
        value = row.ok().flatten().and_then(|row| row.try_get(0).ok());
    }
    Ok(Reply {
        value,
        rows,
        refusal: None,
    })
}

/// What the database said; an error that it did not say ends the audit.
pub(super) fn refusal(error: sqlx::Error) -> Result<Refusal> {
    match error {
        sqlx::Error::Database(error) => Ok(Refusal {
            state: error.code().unwrap_or_default().into_owned(),
            message: error.message().to_owned(),
            constraint: error
                .try_downcast_ref::<PgDatabaseError>()
                .and_then(|error| error.constraint().or(error.column()))
                .map(str::to_owned),
        }),
        other => Err(other).context("the connection of the attack was lost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_is_in_one_chunk_in_order() {
        let mut chunks = chunks(2 * CHUNK + 1);
        let mut seen = 0;
        while let Some(chunk) = chunks.pop() {
            assert_eq!(chunk.start, seen);
            assert!(chunk.len() <= CHUNK);
            seen = chunk.end;
        }
        assert_eq!(seen, 2 * CHUNK + 1);
    }

    #[test]
    fn a_reply_is_a_value_or_a_refusal() {
        let text = r#"[{"value":{"a":1},"rows":0},{"state":"42501","message":"no"},{"value":null,"rows":2}]"#;
        let replies: Vec<Reply> = serde_json::from_str(text).unwrap();
        assert!(replies[0].refusal.is_none() && replies[0].value.is_some());
        assert_eq!(replies[1].refusal.as_ref().unwrap().state, "42501");
        assert_eq!((replies[2].rows, replies[2].value.is_none()), (2, true));
    }
}
