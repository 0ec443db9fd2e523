//! The handle for work across tenants: lists of organizations, users, and the platform's defaults.

use sqlx::PgConnection;

use super::{Authority, Database, TenantTx, lent::Lent};
use crate::{domain::OrganizationId, error::Result};

/// A connection with the rights of the connecting role.
///
/// On tables with forced row-level security it sees no rows, unless that role may bypass it: tenant
/// data is read through [`super::TenantTx`]. In a server that connects as a separate role, it can
/// read only the queues and lookup tables that `tenant_server` may read.
#[derive(Debug)]
pub struct PlatformConn {
    lent: Lent,
}

impl PlatformConn {
    /// Opens a handle without a transaction, for reads: each statement is independent.
    ///
    /// # Errors
    /// `Failure` if another handle is open.
    pub fn open(db: &Database) -> Result<Self> {
        let lent = Lent::outside(db)?;
        Ok(Self { lent })
    }

    /// Starts a transaction that [`PlatformConn::commit`] ends.
    pub async fn begin(db: &Database) -> Result<Self> {
        let lent = Lent::begin(db, |_| String::new()).await?;
        Ok(Self { lent })
    }

    /// Starts a transaction that names an organization but keeps the connecting role, for the only
    /// operation on a tenant that is reserved to the owner of the tables: purging it.
    pub async fn begin_for(db: &Database, organization: OrganizationId) -> Result<Self> {
        // Safe: a UUID formats as hexadecimal digits and hyphens only.
        let scope = format!(
            "SET LOCAL app.organization_id = '{}'",
            organization.as_uuid()
        );
        let lent = Lent::begin(db, |_| scope).await?;
        Ok(Self { lent })
    }

    /// Continues the running transaction in the scope of an organization, as `tenant_app`: for work
    /// on several organizations in turn that has to be atomic.
    pub async fn enter(self, organization: OrganizationId) -> Result<TenantTx> {
        TenantTx::take_over(self.lent, organization).await
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

    /// Returns the platform's side of a transaction that was in an organization's scope.
    pub(super) fn take_over(lent: Lent) -> Self {
        Self { lent }
    }

    /// Returns the rights of the connecting role.
    pub(super) fn authority(&self) -> Authority {
        self.lent.authority()
    }

    /// Prints the notice that precedes the first change, unless it was already printed.
    pub(super) fn about_to_change(&mut self) {
        self.lent.about_to_change();
    }

    /// Returns the bare connection, for the audit, which brings its own statements.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.lent.connection()
    }
}
