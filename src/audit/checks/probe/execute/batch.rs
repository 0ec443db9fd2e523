//! Runs many statements in few round trips. Each is undone as soon as it ran.

use std::time::Duration;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::{
    block,
    locks::Locks,
    statement::{Kind, Reply, Statement},
};
use crate::{
    audit::{
        checks::probe::judge::refusal::Refusal,
        session::{Session, Stop},
    },
    error::{Context, Result},
};

/// Number of statements in one block.
const CHUNK: usize = 250;

/// Time limit for one statement of a block that had to be terminated: it is unknown which statement
/// caused it, and the audit has other objects to check.
const SHORT_LIMIT: Duration = Duration::from_secs(10);

const LOST: &str = "could not continue the transaction of the probes";

/// Runs the statements in the open transaction and returns one reply for each, in order. An error
/// of a statement is in its reply, and the transaction continues unchanged. Objects that are known
/// to be locked are not waited for again.
pub(crate) async fn run(
    connection: &mut Session,
    locks: &Locks,
    statements: &[Statement],
) -> Result<Vec<Reply>> {
    let mut replies: Vec<Reply> = Vec::with_capacity(statements.len());
    while let Some(next) = statements.get(replies.len()) {
        connection.revive().await;
        if let Some(refusal) = next.locked(locks) {
            replies.push(Reply::refused(refusal));
            continue;
        }
        let rest = statements[replies.len()..].iter().take(CHUNK);
        let free = rest.take_while(|one| one.locked(locks).is_none()).count();
        let chunk = &statements[replies.len()..replies.len() + free];
        let found = match block(connection, chunk).await? {
            Ok(found) => handle_timeout(connection, chunk, found).await?,
            // The role may not use PL/pgSQL, or the time limit expired between two statements.
            Err(refusal)
                if matches!(
                    &*refusal.state,
                    Refusal::INSUFFICIENT_PRIVILEGE | Refusal::QUERY_CANCELED
                ) =>
            {
                one_by_one(connection, chunk).await?
            }
            Err(refusal) if refusal.is_unanswered() && chunk.len() > 1 => {
                one_by_one_with_limit(connection, locks, chunk).await?
            }
            Err(refusal) => vec![Reply::refused(refusal); chunk.len()],
        };
        for (statement, reply) in chunk.iter().zip(&found) {
            if let (Some(object), Some(refusal)) = (statement.object, &reply.refusal) {
                locks.remember(object, statement.access(), refusal);
            }
        }
        replies.extend(found);
    }
    Ok(replies)
}

/// Handles time-outs. The limit applies to a whole block: the statement that exceeded it gets a
/// separate block, unless it already had one.
async fn handle_timeout(
    connection: &mut Session,
    chunk: &[Statement],
    mut found: Vec<Reply>,
) -> Result<Vec<Reply>> {
    if found.len() > 1 && found.last().is_some_and(Reply::timed_out) {
        found.pop();
    } else if let [only] = found.as_mut_slice() {
        narrow(connection, &chunk[0], only).await?;
    }
    Ok(found)
}

/// Replaces the reply by that of the narrower statement if the statement alone took too long.
async fn narrow(connection: &mut Session, statement: &Statement, reply: &mut Reply) -> Result<()> {
    if let Some(narrower) = statement.narrower.as_ref().filter(|_| reply.timed_out()) {
        let narrower = Statement::read(narrower.clone());
        *reply = Reply {
            narrowed: true,
            ..alone(connection, &narrower).await?
        };
    }
    Ok(())
}

async fn block(
    connection: &mut Session,
    statements: &[Statement],
) -> Result<std::result::Result<Vec<Reply>, Refusal>> {
    let sql = format!("SAVEPOINT tenantctl_audit; {}", block::sql(statements));
    // Safe: the block is one quoted literal, and the statements in it are quoted once more.
    if let Err(error) = connection.execute(AssertSqlSafe(sql)).await {
        let refusal = Refusal::of(error)?;
        undo(connection).await?;
        return Ok(Err(refusal));
    }
    // Safe: a constant.
    let fetch = format!("SELECT pg_catalog.current_setting('{}')", block::REPLIES);
    let text: String = match connection.fetch_one(AssertSqlSafe(fetch)).await {
        Err(error) if Stop::of(&error).is_some() => return Ok(Err(Refusal::of(error)?)),
        row => row
            .and_then(|row| row.try_get(0))
            .context("could not read the replies of the probes")?,
    };
    connection
        .pass("RELEASE SAVEPOINT tenantctl_audit")
        .await
        .context(LOST)?;
    let replies =
        serde_json::from_str(&text).context("the replies of the probes are not valid JSON")?;
    Ok(Ok(replies))
}

/// Runs each statement alone, in a new session after one that had to be terminated.
async fn one_by_one_with_limit(
    connection: &mut Session,
    locks: &Locks,
    statements: &[Statement],
) -> Result<Vec<Reply>> {
    let limit = connection.limit();
    connection.set_limit(limit.min(SHORT_LIMIT));
    let mut replies = Vec::with_capacity(statements.len());
    for statement in statements {
        connection.revive().await;
        let reply = match statement.locked(locks) {
            Some(refusal) => Reply::refused(refusal),
            None => alone(connection, statement).await?,
        };
        if let (Some(object), Some(refusal)) = (statement.object, &reply.refusal) {
            locks.remember(object, statement.access(), refusal);
        }
        replies.push(reply);
    }
    connection.set_limit(limit);
    Ok(replies)
}

async fn undo(connection: &mut Session) -> Result<()> {
    connection
        .pass("ROLLBACK TO SAVEPOINT tenantctl_audit; RELEASE SAVEPOINT tenantctl_audit")
        .await
        .context(LOST)
}

/// Runs each statement alone. Like a block, it ends early after a lock that could not be acquired.
async fn one_by_one(connection: &mut Session, statements: &[Statement]) -> Result<Vec<Reply>> {
    let mut replies = Vec::with_capacity(statements.len());
    for statement in statements {
        let mut reply = alone(connection, statement).await?;
        narrow(connection, statement, &mut reply).await?;
        let locked = reply.is_locked();
        replies.push(reply);
        if locked {
            break;
        }
    }
    Ok(replies)
}

/// Runs one statement without PL/pgSQL.
async fn alone(connection: &mut Session, statement: &Statement) -> Result<Reply> {
    connection
        .pass("SAVEPOINT tenantctl_audit")
        .await
        .context(LOST)?;
    // Safe: a number. The server ends ordinary statements; code that evades its limit is terminated
    // from outside.
    let limit = format!(
        "SET LOCAL statement_timeout = {}",
        connection.limit().as_millis()
    );
    connection.pass(AssertSqlSafe(limit)).await.context(LOST)?;
    let result = match &statement.kind {
        Kind::Read => read(connection, &statement.sql).await,
        Kind::Write { check } => write(connection, &statement.sql, check.as_deref()).await,
    };
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => Reply::refused(Refusal::of(error)?),
    };
    undo(connection).await?;
    Ok(reply)
}

async fn read(connection: &mut Session, sql: &str) -> sqlx::Result<Reply> {
    let fit = block::fit("r.value");
    // Safe: every name and value is quoted where the statement is built.
    let sql = AssertSqlSafe(format!("SELECT {fit} FROM ({sql}) r (value)"));
    let row = connection.fetch_optional(sql).await?;
    let value: Option<Option<Value>> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(Reply {
        value: value.flatten(),
        ..Reply::default()
    })
}

async fn write(connection: &mut Session, sql: &str, check: Option<&str>) -> sqlx::Result<Reply> {
    // Safe: as above.
    let done = connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    let rows = done.rows_affected();
    let mut value = None;
    if let Some(check) = check.filter(|_| rows > 0) {
        let own = "SET LOCAL ROLE NONE; SET LOCAL search_path TO pg_catalog, pg_temp; \
                   SET LOCAL row_security TO off";
        connection.execute(own).await?;
        // Safe: as above. What cannot be checked stays unknown.
        let row = connection
            .fetch_optional(AssertSqlSafe(check.to_owned()))
            .await;
        value = row.ok().flatten().and_then(|row| row.try_get(0).ok());
    }
    Ok(Reply {
        value,
        rows,
        ..Reply::default()
    })
}
