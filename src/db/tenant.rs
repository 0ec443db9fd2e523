//! The only access to tenant data.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{
    Authority, Database, PlatformConn,
    lent::{LEAVE_SCOPE, Lent},
};
use crate::{domain::OrganizationId, error::Result};

/// A transaction in the scope of one organization.
///
/// On a connection of the owner, it runs as `tenant_app`, a role with only the granted rights and
/// without BYPASSRLS, so row-level security is in force even if the operator connects as a
/// superuser. On a connection with a role that has only these rights ([`Authority::Tenant`]), no role
/// is switched, and a statement cannot switch back to another one. Rolled back if dropped without
/// [`TenantTx::commit`].
#[derive(Debug)]
pub struct TenantTx {
    lent: Lent,
    organization: OrganizationId,
}

impl TenantTx {
    /// Opens a transaction with only the tenant's rights and sets the organization.
    ///
    /// The typed UUID is written literally, not bound: `SET LOCAL` takes no parameters, and
    /// `set_config` does not reach the workers of a Citus cluster.
    ///
    /// # Errors
    /// `Refused` if the connecting role is not a member of `tenant_app`.
    pub async fn begin(db: &Database, organization: OrganizationId) -> Result<Self> {
        Ok(Self {
            lent: Lent::begin(&db.for_tenant(), |authority| {
                scope_of(organization, authority)
            })
            .await?,
            organization,
        })
    }

    /// Continues a transaction of the platform. See [`PlatformConn::enter`].
    pub(super) async fn take_over(mut lent: Lent, organization: OrganizationId) -> Result<Self> {
        let scope = AssertSqlSafe(scope_of(organization, lent.authority()));
        lent.connection().execute(scope).await?;
        Ok(Self { lent, organization })
    }

    /// Leaves the organization's scope; the transaction continues with the rights of the connecting
    /// role. The counterpart of [`PlatformConn::enter`].
    pub async fn leave(mut self) -> Result<PlatformConn> {
        self.connection().execute(LEAVE_SCOPE).await?;
        Ok(PlatformConn::take_over(self.lent))
    }

    /// Returns the organization that scopes this transaction.
    pub fn organization_id(&self) -> OrganizationId {
        self.organization
    }

    /// Commits the changes (in a rehearsal: makes them visible to the next handle).
    ///
    /// # Errors
    /// `Unavailable` if the connection is lost: then the change may or may not have been made.
    pub async fn commit(self) -> Result<()> {
        self.lent.commit().await
    }

    /// Rolls the transaction back immediately. Dropping does the same, but the server receives that
    /// only with the next statement: call this before a user is prompted.
    pub async fn rollback(self) -> Result<()> {
        self.lent.rollback().await
    }

    /// Forces custom plans until [`TenantTx::plan_as_usual`]. They are fast for a statement with
    /// optional filters, while the generic plan, to which a long-lived connection switches after
    /// five executions (PostgreSQL manual, PREPARE), is slow.
    pub(super) async fn plan_for_values(&mut self) -> Result<()> {
        let setting = "SET LOCAL plan_cache_mode = force_custom_plan";
        self.connection().execute(setting).await?;
        Ok(())
    }

    /// Ends [`TenantTx::plan_for_values`]: foreign keys are also checked with planned statements,
    /// which would be planned again for each row written.
    pub(super) async fn plan_as_usual(&mut self) -> Result<()> {
        let setting = "SET LOCAL plan_cache_mode TO DEFAULT";
        self.connection().execute(setting).await?;
        Ok(())
    }

    /// Prints the notice that precedes the first change, unless it was already printed.
    pub(super) fn about_to_change(&mut self) {
        self.lent.about_to_change();
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.lent.connection()
    }
}

/// Returns the statements that put a transaction into the scope of an organization.
///
/// Safe as a statement: a UUID formats as hexadecimal digits and hyphens only.
fn scope_of(organization: OrganizationId, authority: Authority) -> String {
    let role = match authority {
        Authority::Owner => "SET LOCAL ROLE tenant_app; ",
        Authority::Tenant => "",
    };
    format!(
        "{role}SET LOCAL app.organization_id = '{}'",
        organization.as_uuid()
    )
}
