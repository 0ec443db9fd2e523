//! Runs the statements of a migration.

use sqlx::{AssertSqlSafe, query_file};

use super::{
    connections::{Connect, Limits},
    session::{Session, Stop, Warden},
};
use crate::{
    domain::audit::migration::Step,
    error::{Context, Error, Result},
    run,
};

/// Runs the statements in one transaction: all of them, or none. A rehearsal rolls back.
///
/// # Errors
/// `Failure` with the statement that the server refused; then nothing was changed.
pub async fn apply(connect: &Connect, limits: Limits, steps: &[Step], commit: bool) -> Result<()> {
    let warden = Warden::begin(limits);
    let mut connection = Session::open(connect, &warden).await?;
    connection
        .execute("BEGIN")
        .await
        .context("no transaction could be opened")?;
    refuse_event_triggers(&mut connection).await?;
    for step in steps {
        // Safe: the audit wrote it, with every name from the catalog quoted; what a person may
        // run is shown first.
        let ran = connection.execute(AssertSqlSafe(step.sql.clone())).await;
        if let Err(error) = ran {
            return Err(refused(step, error));
        }
    }
    let end = if commit { "COMMIT" } else { "ROLLBACK" };
    match connection.execute(end).await {
        Err(error) if commit && Stop::of(&error).is_some() => Err(Error::unavailable(
            "the time limit passed while the transaction was committed, and its end was not seen",
        )
        .hint(run!["audit"].labeled("see whether the statements took effect"))),
        ended => ended
            .context("the transaction could not be ended")
            .map(drop),
    }
}

/// Changes of the schema fire event triggers, whose functions may be another role's: they would
/// run with the rights of the connecting role.
async fn refuse_event_triggers(connection: &mut Session) -> Result<()> {
    const UNREAD: &str = "the event triggers could not be read";
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
        "event trigger {trigger}: it would run code of role {owner} with your rights"
    ))
    .hint("apply the migration as that role, or disable the event trigger meanwhile"))
}

fn refused(step: &Step, error: sqlx::Error) -> Error {
    if let Some(stop) = Stop::of(&error) {
        // Its transaction is never committed.
        return Error::unavailable(format!("no answer to: {}", step.sql))
            .because(stop)
            .hint("nothing was changed; give it more time: --deadline, --statement-timeout");
    }
    let cause = match &error {
        // The driver adds where in the server's own sources the error was raised.
        sqlx::Error::Database(said) => said.message().to_owned(),
        other => other.to_string(),
    };
    let checks: Vec<&str> = step
        .mends
        .iter()
        .filter_map(|mended| mended.split(' ').next())
        .collect();
    Error::failure(format!("the server refused: {}", step.sql))
        .because(cause)
        .hint(format!(
            "nothing was changed; fix it by hand, or skip it: --skip {}",
            checks.join(",")
        ))
}
