//! Whether a server may work on a database at all.

use crate::{
    context::new_id,
    db::{Database, TenantTx, health, migrate, roles},
    domain::OrganizationId,
    error::{Error, Result},
    run,
};

/// Checks that requests can be answered now: the database is reachable, has the schema of this binary, and
/// shows this role what it asks for.
pub async fn require_ready(db: &Database) -> Result<()> {
    migrate::require_usable(db).await
}

/// Refuses a role of requests that has more than a server's rights, or leads to another database than
/// `owner`.
pub async fn require_confined(db: &Database, owner: Option<&Database>, named: &str) -> Result<()> {
    let role = roles::require_confined(db, owner, roles::Rights::Server, named).await?;
    tracing::info!(role, "requests are served with a tenant's rights");
    Ok(())
}

/// Refuses a database on which isolation would be void for this role, unless it can switch to
/// `tenant_app`: looked at where it matters, inside of a scope.
///
/// # Errors
/// Same as [`migrate::require_usable`]; `Refused` when the scope of an organization cannot be entered
/// or does not confine.
pub async fn require_servable(db: &Database) -> Result<()> {
    require_ready(db).await?;
    // No organization has this id.
    let mut tx = TenantTx::begin(db, OrganizationId::from(new_id())).await?;
    let confined = health::is_confined(&mut tx).await?;
    tx.rollback().await?;
    if confined {
        return Ok(());
    }
    Err(Error::refused(
        "row-level security does not confine the scope of an organization: no tenant is isolated",
    )
    .hint(run!["doctor"].labeled("find out why"))
    .hint(run!["audit"].labeled("and audit the isolation")))
}
