//! Execution of the statements of a migration.

use sqlx::{AssertSqlSafe, query_file};

use super::{
    connections::{Connect, Limits},
    session::{AuditDeadline, Session, Stop},
};
use crate::{
    audit::report::migration::Step,
    error::{Context, Error, Result},
    run,
};

/// Runs the statements in one transaction. A rehearsal rolls back.
///
/// # Errors
/// `Failure` with the statement that the server rejected; nothing was changed.
pub async fn apply(connect: &Connect, limits: Limits, steps: &[Step], commit: bool) -> Result<()> {
    let deadline = AuditDeadline::begin(limits);
    let mut connection = Session::open(connect, &deadline).await?;
    connection
        .execute("BEGIN")
        .await
        .context("could not open a transaction")?;
    refuse_event_triggers(&mut connection).await?;
    for step in steps {
        // Safe: the audit wrote it with quoted names. The operator sees it before it runs.
        let ran = connection.execute(AssertSqlSafe(step.sql.clone())).await;
        if let Err(error) = ran {
            return Err(refused(step, error));
        }
    }
    let end = if commit { "COMMIT" } else { "ROLLBACK" };
    match connection.execute(end).await {
        Err(error) if commit && Stop::of(&error).is_some() => Err(Error::unavailable(
            "the time limit passed during COMMIT: its outcome is unknown",
        )
        .hint(run!["audit"].labeled("check if the statements took effect"))),
        ended => ended.context("could not end the transaction").map(drop),
    }
}

/// Refuses if a schema change would fire an event trigger of another role: its function would run
/// with the privileges of the connecting role.
async fn refuse_event_triggers(connection: &mut Session) -> Result<()> {
    const UNREAD: &str = "could not read the event triggers";
    let look = connection.within(async |connection| {
        query_file!("src/audit/event_triggers.sql")
            .fetch_optional(connection)
            .await
    });
    let foreign = look.await.context(UNREAD)?.context(UNREAD)?;
    let Some(foreign) = foreign else {
        return Ok(());
    };
    let (trigger, owner) = (foreign.trigger, foreign.owner);
    Err(Error::refused(format!(
        "event trigger {trigger}: it would run code of role {owner} with your privileges"
    ))
    .hint("apply the migration as that role, or disable the event trigger temporarily"))
}

fn refused(step: &Step, error: sqlx::Error) -> Error {
    if let Some(stop) = Stop::of(&error) {
        // The transaction is never committed.
        return Error::unavailable(format!("no answer to: {}", step.sql))
            .because(stop)
            .hint("nothing was changed; allow more time with --deadline and --statement-timeout");
    }
    let cause = match &error {
        // The full error of the driver contains a location in the server's source code.
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    };
    let checks: Vec<&str> = step
        .fixes
        .iter()
        .filter_map(|fixed| fixed.split(' ').next())
        .collect();
    Error::failure(format!("the server rejected: {}", step.sql))
        .because(cause)
        .hint(format!(
            "nothing was changed; fix it manually, or skip it with --skip {}",
            checks.join(",")
        ))
}
