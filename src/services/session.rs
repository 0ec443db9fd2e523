//! The caller of a service, with the time and the database, and the entry into an organization.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    db::{self, Database, PlatformConn, TenantTx, activity::NewEntry},
    domain::{
        OrganizationId, PatientId, Permission, Role, UserId,
        actor::Actor,
        channel::identity::ClaimPolicy,
        organization::{Organization, OrganizationStatus},
        user::User,
    },
    error::{Error, Result},
    run,
    services::{activity::Change, outbox::TokenSeal},
    system::{Clock, new_id},
};

/// One invocation or one request, with the data about its caller that services need.
#[derive(Clone, Debug)]
pub struct Session {
    pub db: Database,
    pub actor: Actor,
    pub clock: Clock,
    /// Shared by the activity entries of one invocation.
    pub request_id: Uuid,
    /// If set, invitations are mailed, and their tokens are sealed with it until then.
    pub mail: Option<TokenSeal>,
    /// Policy for claims of users to identities. Claims of the operator are granted at once.
    pub claims: ClaimPolicy,
}

impl Session {
    /// Returns the time, in microseconds like PostgreSQL.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns this session with mailing of invitations.
    #[must_use]
    pub fn mailing(self, mail: Option<TokenSeal>) -> Self {
        Self { mail, ..self }
    }

    /// Opens an organization for reading, for a caller with `permission` in it.
    ///
    /// # Errors
    /// `NotFound` if there is no such organization, the acting user is not a member of it, or it is
    /// deleted (the error is the same); `Refused` if it is suspended or the user's role lacks the
    /// permission.
    pub async fn read(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let mut tx = TenantTx::begin(&self.db, organization).await?;
        let found = db::organizations::current(&mut tx).await?;
        self.enter(tx, found, permission).await
    }

    /// Opens an organization for writing. Its row is locked, so that changes within one
    /// organization are serialized.
    ///
    /// # Errors
    /// The errors of [`Session::read`]; `Conflict` if the organization is deleted.
    pub async fn write(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let tx = TenantTx::begin(&self.db, organization).await?;
        self.write_in(tx, permission).await
    }

    /// Same as [`Session::write`], for a change that ends with privileges of the platform role
    /// ([`TenantTx::leave`]): it begins on a connection of that role.
    pub(super) async fn write_and_leave(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let scope = self.write_and_leave_any_status(organization, permission);
        let scope = scope.await?;
        scope.refuse_deleted()?;
        Ok(scope)
    }

    /// Same as [`Session::write_and_leave`], also for a deleted organization.
    pub(super) async fn write_and_leave_any_status(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let conn = PlatformConn::begin(&self.db).await?;
        self.lock(conn.enter(organization).await?, permission).await
    }

    /// Same as [`Session::write`], in an open transaction.
    pub(super) async fn write_in(&self, tx: TenantTx, permission: Permission) -> Result<Scope> {
        let scope = self.lock(tx, permission).await?;
        scope.refuse_deleted()?;
        Ok(scope)
    }

    /// Same as [`Session::write`], also for a deleted organization.
    pub async fn write_any_status(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let tx = TenantTx::begin(&self.db, organization).await?;
        self.lock(tx, permission).await
    }

    /// Locks the organization of the transaction and checks the permission.
    async fn lock(&self, mut tx: TenantTx, permission: Permission) -> Result<Scope> {
        let found = db::organizations::lock_current(&mut tx).await?;
        self.enter(tx, found, permission).await
    }

    /// Returns a session of that user, limited to their permissions.
    #[must_use]
    pub fn acting_as(&self, user: &User) -> Self {
        Self {
            actor: self.actor.acting_as(user),
            ..self.clone()
        }
    }

    /// Rejects users: commands on the platform are reserved for the operator.
    ///
    /// # Errors
    /// `Refused` if the actor is a user.
    pub fn require_operator(&self, what: &str) -> Result<()> {
        match self.actor {
            Actor::Operator { .. } => Ok(()),
            Actor::User { ref email, .. } => Err(Error::refused(format!(
                "{email} may not {what}: only the platform operator may"
            ))
            .hint("run the command without --as")),
        }
    }

    /// Builds an activity entry for a change made by this session.
    pub(super) fn entry(&self, change: Change) -> NewEntry {
        NewEntry {
            id: new_id(),
            occurred_at: self.now(),
            actor: self.actor.to_string(),
            action: change.action.to_owned(),
            object_type: change.object_type.to_owned(),
            object_id: change.object_id,
            before: change.before,
            after: change.after,
            request_id: self.request_id,
        }
    }

    async fn enter(
        &self,
        mut tx: TenantTx,
        organization: Option<Organization>,
        permission: Permission,
    ) -> Result<Scope> {
        let organization = organization.ok_or_else(not_here)?;
        let role = match self.actor {
            Actor::Operator { .. } => None,
            Actor::User { id, .. } => Some(role_in(&mut tx, &organization, id).await?),
        };
        let scope = Scope {
            tx,
            organization,
            role,
            records: Vec::new(),
        };
        scope.require(self, permission)?;
        Ok(scope)
    }
}

/// Returns the role of a user in the organization. A deleted organization is reported as not found.
async fn role_in(tx: &mut TenantTx, organization: &Organization, user: UserId) -> Result<Role> {
    let member = db::members::find(tx, user).await?.ok_or_else(not_here)?;
    match organization.status {
        OrganizationStatus::Active => Ok(member.role),
        OrganizationStatus::Deleted => Err(not_here()),
        OrganizationStatus::Suspended => Err(Error::refused(format!(
            "organization {} is suspended",
            organization.slug
        ))
        .hint("ask the platform's operator to resume it")),
    }
}

/// Builds the error for a missing organization and for one of which the caller is not a member.
/// They must not differ.
fn not_here() -> Error {
    Error::not_found("organization not found, or you are not a member of it")
        .hint(run!["org", "list"].labeled("list the organizations"))
}

/// An open organization, and the caller's role in it.
#[derive(Debug)]
pub struct Scope {
    pub tx: TenantTx,
    pub organization: Organization,
    /// `None` for the operator, who is not limited by a role.
    pub role: Option<Role>,
    /// The patients with records that the response depends on so far, for the access log.
    pub(super) records: Vec<PatientId>,
}

impl Scope {
    /// Rejects changes of a deleted organization.
    ///
    /// # Errors
    /// `Conflict` if it is deleted.
    pub(super) fn refuse_deleted(&self) -> Result<()> {
        if self.organization.status != OrganizationStatus::Deleted {
            return Ok(());
        }
        let slug = &self.organization.slug;
        Err(Error::conflict(format!("organization {slug} is deleted"))
            .hint(run!["org", "restore", slug].labeled("restore it first")))
    }

    /// Rejects a caller with a role that does not hold `permission`.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub(super) fn require(&self, session: &Session, permission: Permission) -> Result<()> {
        match self.role {
            Some(role) if !role.holds(permission) => Err(Error::refused(format!(
                "{} may not do this: it needs {permission}, which the role {role} does not hold",
                session.actor.name()
            ))
            .hint(run!["role", "show", role].labeled("list the permissions of the role"))),
            _ => Ok(()),
        }
    }

    /// Rejects a caller who may not grant or revoke `role`.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub fn require_may_grant(&self, session: &Session, role: Role) -> Result<()> {
        match self.role {
            Some(own) if !own.may_grant(role) => Err(Error::refused(format!(
                "{} may not grant or revoke the role {role}: the role {own} lacks the permission",
                session.actor.name()
            ))
            .hint(match role {
                Role::Owner => "only an owner can grant or revoke this role",
                _ => "only an owner or an admin can grant or revoke this role",
            })),
            _ => Ok(()),
        }
    }

    /// Writes the activity entry and commits the transaction.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost: nothing was changed then.
    pub async fn finish(mut self, session: &Session, change: Change) -> Result<()> {
        db::activity::append(&mut self.tx, session.entry(change)).await?;
        self.tx.commit().await
    }
}
