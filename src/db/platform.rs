//! The handle for work across tenants: lists of organizations, users, the platform's defaults.

use sqlx::PgConnection;

use super::{Authority, Database, TenantTx, lent::Lent};
use crate::{domain::OrganizationId, error::Result};

/// A connection with the rights of the role that connected.
///
/// On tables where row-level security is forced it sees nothing, unless that role may bypass it:
/// what belongs to a tenant is read through [`super::TenantTx`]. In a server that connects as a role
/// of its own, it reads the queues and look-up tables that `tenant_server` may read, and no other.
#[derive(Debug)]
pub struct PlatformConn {
    lent: Lent,
}

impl PlatformConn {
    /// Outside a transaction: each statement stands alone. For reads.
    ///
    /// # Errors
    /// `Failure` when another handle is open.
    pub fn open(db: &Database) -> Result<Self> {
        let lent = Lent::outside(db)?;
        Ok(Self { lent })
    }

    /// In a transaction that [`PlatformConn::commit`] ends.
    pub async fn begin(db: &Database) -> Result<Self> {
        let lent = Lent::begin(db, |_| String::new()).await?;
        Ok(Self { lent })
    }

    /// In a transaction that names an organization but keeps the connecting role: what only the
    /// owner of the tables may do to a tenant, which is to purge it.
    pub async fn begin_for(db: &Database, organization: OrganizationId) -> Result<Self> {
        // Safe: a UUID formats as hexadecimal digits and hyphens only.
        let scope = format!(
            "SET LOCAL app.organization_id = '{}'",
            organization.as_uuid()
        );
        let lent = Lent::begin(db, |_| scope).await?;
        Ok(Self { lent })
    }

    /// Goes on with the running transaction in the scope of an organization, as `tenant_app`: for work
    /// that takes several organizations in turn and has to be all or nothing.
    pub async fn enter(self, organization: OrganizationId) -> Result<TenantTx> {
        TenantTx::take_over(self.lent, organization).await
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

    /// The platform's side of a transaction that was in an organization's scope.
    pub(super) fn take_over(lent: Lent) -> Self {
        Self { lent }
    }

    /// The rights of the role that connected.
    pub(super) fn authority(&self) -> Authority {
        self.lent.authority()
    }

    /// Says what is said before the first change, if it was not said yet.
    pub(super) fn about_to_change(&mut self) {
        self.lent.about_to_change();
    }

    /// The bare connection, for the audit, which brings its own statements.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.lent.connection()
    }
}
