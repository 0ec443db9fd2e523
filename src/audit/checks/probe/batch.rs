//! Many statements, few round trips, each undone as soon as it ran.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::{
    block,
    locks::{Access, Locks},
    refusal::Refusal,
};
use crate::{
    audit::{
        catalog::Oid,
        session::{Session, Stop},
    },
    error::{Context, Result},
};

/// How many statements go into one block.
const CHUNK: usize = 250;

const QUERY_CANCELED: &str = "57014";
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// How long one statement of a block that had to be ended may take by itself: which of them it
/// was is not known, and the audit has other objects to look at.
const BRIEF: Duration = Duration::from_secs(10);

const LOST: &str = "the attack's transaction could not be continued";

/// One statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) kind: Kind,
    /// The object that it is about: locks are remembered and guards decide by it.
    object: Option<Oid>,
    /// The session looks in its own name, with `row_security = off`.
    scans: bool,
    /// Asks for less, where this takes too long.
    narrower: Option<String>,
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
    /// It is the reply to what asked for less.
    #[serde(skip)]
    pub(super) narrowed: bool,
}

impl Statement {
    pub(super) fn read(sql: String) -> Self {
        Self {
            sql,
            kind: Kind::Read,
            object: None,
            scans: false,
            narrower: None,
        }
    }

    /// [`Statement::read`] in the session's own name, where nobody attacks.
    pub(super) fn scan(sql: String) -> Self {
        Self {
            scans: true,
            ..Self::read(sql)
        }
    }

    pub(super) fn write(sql: String, check: Option<String>) -> Self {
        Self {
            kind: Kind::Write { check },
            ..Self::read(sql)
        }
    }

    pub(super) fn on(self, object: Oid) -> Self {
        Self {
            object: Some(object),
            ..self
        }
    }

    pub(super) fn or_narrower(self, narrower: Option<String>) -> Self {
        Self { narrower, ..self }
    }

    pub(super) fn check(&self) -> Option<&str> {
        match &self.kind {
            Kind::Read => None,
            Kind::Write { check } => check.as_deref(),
        }
    }

    fn access(&self) -> Access {
        match self.kind {
            Kind::Read if self.scans => Access::Scan,
            Kind::Read => Access::Read,
            Kind::Write { .. } => Access::Write,
        }
    }

    /// The refusal that a lock will bring again.
    fn locked(&self, locks: &Locks) -> Option<Refusal> {
        let Some(object) = self.object else {
            let message = "what it is about is not known".to_owned();
            return Some(Refusal::of_audit(message));
        };
        locks.refusal(object, self.access())
    }
}

impl Reply {
    fn refused(refusal: Refusal) -> Self {
        Self {
            refusal: Some(refusal),
            ..Self::default()
        }
    }

    fn is_locked(&self) -> bool {
        self.refusal.as_ref().is_some_and(Refusal::is_locked)
    }

    fn timed_out(&self) -> bool {
        let refusal = self.refusal.as_ref();
        refusal.is_some_and(|refusal| refusal.state == QUERY_CANCELED)
    }
}

/// Runs the statements in the open transaction; one reply for each, in their order. The
/// transaction goes on as it was. What is known to be locked is not waited for again.
///
/// # Errors
/// `Failure` when the connection is lost; what a statement does wrong is in its reply.
pub(super) async fn run(
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
            Ok(found) => settle(connection, chunk, found).await?,
            // The role may not use PL/pgSQL, or the time was over between two statements.
            Err(refusal) if matches!(&*refusal.state, INSUFFICIENT_PRIVILEGE | QUERY_CANCELED) => {
                one_by_one(connection, chunk).await?
            }
            Err(refusal) if refusal.is_unanswered() && chunk.len() > 1 => {
                briefly(connection, locks, chunk).await?
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

/// The time is for a whole block: what it was over at gets a block of its own, unless it had that.
async fn settle(
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

/// What took too long by itself may ask for less.
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
            .context("the replies of the attack could not be read")?,
    };
    connection
        .pass("RELEASE SAVEPOINT tenantctl_audit")
        .await
        .context(LOST)?;
    let replies = serde_json::from_str(&text).context("the replies of the attack are no JSON")?;
    Ok(Ok(replies))
}

/// Each alone, on a session of its own after one that had to be ended.
async fn briefly(
    connection: &mut Session,
    locks: &Locks,
    statements: &[Statement],
) -> Result<Vec<Reply>> {
    let limit = connection.limit();
    connection.set_limit(limit.min(BRIEF));
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

/// As a block does, it ends early after a lock that was not to be had.
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

/// One statement without PL/pgSQL.
async fn alone(connection: &mut Session, statement: &Statement) -> Result<Reply> {
    connection
        .pass("SAVEPOINT tenantctl_audit")
        .await
        .context(LOST)?;
    // Safe: a number. The server ends what is honest; what is not is ended from outside.
    let limit = format!(
        "SET LOCAL statement_timeout = {}",
        connection.limit().as_millis()
    );
    connection.pass(AssertSqlSafe(limit)).await.context(LOST)?;
    let tried = match &statement.kind {
        Kind::Read => read(connection, &statement.sql).await,
        Kind::Write { check } => write(connection, &statement.sql, check.as_deref()).await,
    };
    let reply = match tried {
        Ok(reply) => reply,
        Err(error) => Reply::refused(Refusal::of(error)?),
    };
    undo(connection).await?;
    Ok(reply)
}

async fn read(connection: &mut Session, sql: &str) -> sqlx::Result<Reply> {
    let fit = block::fit("r.value");
    // Safe: whoever makes the statements quotes every name and value.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_a_value_or_a_refusal() {
        let text = r#"[{"value":{"a":1},"rows":0},{"state":"42501","message":"no"},{"value":null,"rows":2}]"#;
        let replies: Vec<Reply> = serde_json::from_str(text).unwrap();
        assert!(replies[0].refusal.is_none() && replies[0].value.is_some());
        assert_eq!(replies[1].refusal.as_ref().unwrap().state, "42501");
        assert_eq!((replies[2].rows, replies[2].value.is_none()), (2, true));
    }
}
