//! Runs the statements of a migration.

use sqlx::{AssertSqlSafe, Executor};

use super::connections::{Connect, Limits, set_limits};
use crate::{
    domain::audit::migration::Step,
    error::{Context, Error, Result},
};

/// Runs the statements in one transaction: all of them, or none. A rehearsal rolls back.
///
/// # Errors
/// `Failure` with the statement that the server refused; then nothing was changed.
pub async fn apply(connect: &Connect, limits: Limits, steps: &[Step], commit: bool) -> Result<()> {
    let mut connection = connect().await?;
    set_limits(&mut connection, limits).await?;
    connection
        .execute("BEGIN")
        .await
        .context("no transaction could be opened")?;
    for step in steps {
        // Safe: the audit wrote it, with every name from the catalog quoted; what a person may
        // run is shown first.
        let ran = connection.execute(AssertSqlSafe(step.sql.clone())).await;
        if let Err(error) = ran {
            return Err(refused(step, error));
        }
    }
    let end = if commit { "COMMIT" } else { "ROLLBACK" };
    connection
        .execute(end)
        .await
        .context("the transaction could not be ended")?;
    Ok(())
}

fn refused(step: &Step, error: sqlx::Error) -> Error {
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
            "nothing was changed; mend it by hand, or leave it out: --skip {}",
            checks.join(",")
        ))
}
