//! Checks of a database before it is served.

use crate::{
    db::{Database, TenantTx, health, migrate, roles},
    domain::OrganizationId,
    error::{Error, Result},
    run,
    system::new_id,
};

/// Checks that the database is reachable, has the schema of this binary, and is readable by this
/// role.
pub async fn require_ready(db: &Database) -> Result<()> {
    migrate::require_usable(db).await
}

/// Rejects a role for requests that has more privileges than a server needs, or that connects to
/// another database than `owner`.
pub async fn require_confined(db: &Database, owner: Option<&Database>, named: &str) -> Result<()> {
    let role = roles::require_confined(db, owner, roles::Rights::Server, named).await?;
    tracing::info!(role, "requests are served with a tenant's rights");
    Ok(())
}

/// Rejects a database on which row-level security does not confine this role. The check runs inside
/// the scope of an organization, where the role may have switched to `tenant_app`.
///
/// # Errors
/// Same as [`migrate::require_usable`]; `Refused` if the scope of an organization cannot be entered
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
    .hint(run!["doctor"].labeled("diagnose the server"))
    .hint(run!["audit"].labeled("and audit the isolation")))
}
