//! Savepoint that everything a role did is rolled back to.

use sqlx::AssertSqlSafe;

use crate::{
    audit::{
        checks::probe::{identity::ProbeIdentity, inputs::ProbeInputs, judge::refusal::Refusal},
        session::Session,
    },
    error::{Context, Result},
};

/// The savepoint that everything is rolled back to.
const MARK: &str = "SAVEPOINT tenantctl_stand";

/// Switches the open transaction to a role; returns the refusal if that is not allowed.
pub(crate) async fn enter(
    connection: &mut Session,
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
) -> Result<Option<Refusal>> {
    if let Some(objection) = inputs.model.guards.probe.objection_to_session() {
        return Ok(Some(Refusal::of_audit(objection)));
    }
    // Safe: names and values are quoted where the statements are built; a session template is the
    // operator's own SQL.
    let sql = inputs.enter(identity).join("; ");
    match connection.prepare(AssertSqlSafe(sql)).await {
        Ok(()) => Ok(None),
        Err(error) => Ok(Some(Refusal::of(error)?)),
    }
}

/// Sets the savepoint. [`leave`] undoes everything after it.
pub(crate) async fn mark(connection: &mut Session) -> Result<()> {
    let marked = connection.prepare(MARK).await;
    marked.context("could not continue the transaction of the probes")
}

/// Sets the savepoint like [`mark`], and forbids writes until [`leave`]: every statement checks
/// this, and nothing inside can revert it (check_transaction_read_only in commands/variable.c).
pub(crate) async fn mark_read_only(connection: &mut Session) -> Result<()> {
    mark(connection).await?;
    let set = connection
        .prepare("SET LOCAL transaction_read_only = on")
        .await;
    set.context("could not continue the transaction of the probes")
}

/// Restores role, context and everything else to the state at [`mark`].
pub(crate) async fn leave(connection: &mut Session) -> Result<()> {
    connection.forget_from(MARK);
    let left = connection
        .pass("ROLLBACK TO SAVEPOINT tenantctl_stand; RELEASE SAVEPOINT tenantctl_stand")
        .await;
    left.context("could not continue the transaction of the probes")
}
