//! Runs the statements of a migration.

use sqlx::{AssertSqlSafe, Executor};

use super::connections::{Connect, Limits, set_limits};
use crate::error::{Context, Error, Result};

/// Runs the statements in one transaction: all of them, or none. A rehearsal rolls back.
///
/// # Errors
/// `Failure` with the statement that the server refused; then nothing was changed.
pub async fn apply(
    connect: &Connect,
    limits: Limits,
    statements: &[String],
    commit: bool,
) -> Result<()> {
    let mut connection = connect().await?;
    set_limits(&mut connection, limits).await?;
    connection
        .execute("BEGIN")
        .await
        .context("no transaction could be opened")?;
    for statement in statements {
        // Safe: the audit wrote it, with every name from the catalog quoted; what a person may
        // run is shown first.
        let ran = connection.execute(AssertSqlSafe(statement.clone())).await;
        if let Err(error) = ran {
            return Err(Error::failure(format!("the server refused: {statement}"))
                .because(error)
                .hint("nothing was changed; --skip the check, or mend it by hand"));
        }
    }
    let end = if commit { "COMMIT" } else { "ROLLBACK" };
    connection
        .execute(end)
        .await
        .context("the transaction could not be ended")?;
    Ok(())
}
