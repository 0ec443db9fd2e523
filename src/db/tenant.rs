//! The one door to tenant data.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{
    Authority, Database, PlatformConn,
    lent::{LEAVE_SCOPE, Lent},
};
use crate::{domain::OrganizationId, error::Result};

/// A transaction in the scope of one organization.
///
/// Over a connection of the owner it runs as `tenant_app`, a role without rights of its own beyond the
/// granted ones and without BYPASSRLS, so row-level security is in force also when the operator
/// connects as a superuser. Over a connection whose own role has no more than that
/// ([`Authority::Tenant`]) no role is switched, and a statement cannot switch back to another.
/// Dropped without [`TenantTx::commit`], it is rolled back.
#[derive(Debug)]
pub struct TenantTx {
    lent: Lent,
    organization: OrganizationId,
}

impl TenantTx {
    /// Opens a transaction with no more than the tenant's rights and names the organization.
    ///
    /// The typed UUID is written out, not bound: `SET LOCAL` takes no parameters, and
    /// `set_config` does not reach the workers of a Citus cluster.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost, `Refused` when the connecting role is not a
    /// member of `tenant_app`.
    pub async fn begin(db: &Database, organization: OrganizationId) -> Result<Self> {
        Ok(Self {
            lent: Lent::begin(&db.for_tenant(), |authority| {
                scope_of(organization, authority)
            })
            .await?,
            organization,
        })
    }

    /// Goes on with a transaction that was the platform's. See [`PlatformConn::enter`].
    pub(super) async fn take_over(mut lent: Lent, organization: OrganizationId) -> Result<Self> {
        let scope = AssertSqlSafe(scope_of(organization, lent.authority()));
        lent.connection().execute(scope).await?;
        Ok(Self { lent, organization })
    }

    /// Leaves the organization's scope; the transaction goes on with the rights of the role that
    /// connected. The counterpart of [`PlatformConn::enter`].
    pub async fn leave(mut self) -> Result<PlatformConn> {
        self.connection().execute(LEAVE_SCOPE).await?;
        Ok(PlatformConn::take_over(self.lent))
    }

    /// The organization in whose scope this transaction runs.
    pub fn organization_id(&self) -> OrganizationId {
        self.organization
    }

    /// Makes the changes permanent (in a rehearsal: visible to the next handle).
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost: then the change may have been made, or not.
    pub async fn commit(self) -> Result<()> {
        self.lent.commit().await
    }

    /// Ends the transaction at once, changing nothing. Dropping does the same, but the server
    /// hears of it with the next statement only: before a person is asked, end it.
    pub async fn rollback(self) -> Result<()> {
        self.lent.rollback().await
    }

    /// Has what follows planned for its values, until [`TenantTx::plan_as_usual`]. A statement with
    /// filters that may be left out is fast so, and slow by the plan for any value that a kept
    /// connection comes to after five executions (PostgreSQL manual, PREPARE).
    pub(super) async fn plan_for_values(&mut self) -> Result<()> {
        let setting = "SET LOCAL plan_cache_mode = force_custom_plan";
        self.connection().execute(setting).await?;
        Ok(())
    }

    /// The end of [`TenantTx::plan_for_values`]: foreign keys are checked by planned statements as
    /// well, and would be planned anew for each row that is written.
    pub(super) async fn plan_as_usual(&mut self) -> Result<()> {
        let setting = "SET LOCAL plan_cache_mode TO DEFAULT";
        self.connection().execute(setting).await?;
        Ok(())
    }

    /// Says what is said before the first change, if it was not said yet.
    pub(super) fn about_to_change(&mut self) {
        self.lent.about_to_change();
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.lent.connection()
    }
}

/// What puts a transaction into the scope of an organization.
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
