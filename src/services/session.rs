//! Who asks, when, and through which database; and the way from there into an organization.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    context::{Clock, new_id},
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
};

/// One invocation, or one request: everything a service needs to know of its caller.
#[derive(Clone, Debug)]
pub struct Session {
    pub db: Database,
    pub actor: Actor,
    pub clock: Clock,
    /// Ties together the activity entries of one invocation.
    pub request_id: Uuid,
    /// Where set, invitations are mailed: this seals their tokens until they are.
    pub mail: Option<TokenSeal>,
    /// Requirements of claims of users to identities; the operator's are granted at once.
    pub claims: ClaimPolicy,
}

impl Session {
    /// The time, in the microseconds that PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The same session; the invitations that it makes are mailed.
    #[must_use]
    pub fn mailing(self, mail: Option<TokenSeal>) -> Self {
        Self { mail, ..self }
    }

    /// Opens an organization to read from it, for a caller who holds `permission` there.
    ///
    /// # Errors
    /// `NotFound` when there is no such organization, the acting user is not a member of it or it
    /// is deleted (the same answer), `Refused` when it is suspended or their role lacks the
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

    /// Opens an organization to change something in it. Its row is locked: changes of one
    /// organization take turns, and see each other.
    ///
    /// # Errors
    /// Same as [`Session::read`], and `Conflict` when the organization is deleted.
    pub async fn write(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let tx = TenantTx::begin(&self.db, organization).await?;
        self.write_in(tx, permission).await
    }

    /// Same as [`Session::write`], for a change that ends with rights of the platform ([`TenantTx::leave`]):
    /// it begins on the connection that has them.
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

    /// Same as [`Session::write_and_leave`], also where the organization is deleted.
    pub(super) async fn write_and_leave_any_status(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let conn = PlatformConn::begin(&self.db).await?;
        self.lock(conn.enter(organization).await?, permission).await
    }

    /// Same as [`Session::write`], in a transaction that runs already.
    pub(super) async fn write_in(&self, tx: TenantTx, permission: Permission) -> Result<Scope> {
        let scope = self.lock(tx, permission).await?;
        scope.refuse_deleted()?;
        Ok(scope)
    }

    /// Same as [`Session::write`], also where the organization is deleted.
    pub async fn write_any_status(
        &self,
        organization: OrganizationId,
        permission: Permission,
    ) -> Result<Scope> {
        let tx = TenantTx::begin(&self.db, organization).await?;
        self.lock(tx, permission).await
    }

    /// Locks the organization of the transaction, and enters it.
    async fn lock(&self, mut tx: TenantTx, permission: Permission) -> Result<Scope> {
        let found = db::organizations::lock_current(&mut tx).await?;
        self.enter(tx, found, permission).await
    }

    /// The same session, in the name of that user and with their rights only.
    #[must_use]
    pub fn acting_as(&self, user: &User) -> Self {
        Self {
            actor: self.actor.acting_as(user),
            ..self.clone()
        }
    }

    /// Refuses users: the platform's own commands are the operator's.
    ///
    /// # Errors
    /// `Refused` when the actor is a user.
    pub fn require_operator(&self, what: &str) -> Result<()> {
        match self.actor {
            Actor::Operator { .. } => Ok(()),
            Actor::User { ref email, .. } => Err(Error::refused(format!(
                "{email} may not {what}: that is the platform operator's"
            ))
            .hint("run it without --as")),
        }
    }

    /// An activity entry for a change made by this session.
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

/// The role of a user who works in the organization. A deleted one is not there for them.
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

/// The same answer for an organization that is not there and one that is not the caller's.
fn not_here() -> Error {
    Error::not_found("there is no such organization, or you are not a member of it")
        .hint(run!["org", "list"].labeled("list the organizations there are"))
}

/// An open organization, and the caller's role in it.
#[derive(Debug)]
pub struct Scope {
    pub tx: TenantTx,
    pub organization: Organization,
    /// `None`: the operator, whom no role limits.
    pub role: Option<Role>,
    /// The patients whose records the answer depends on so far, for the access log.
    pub(super) records: Vec<PatientId>,
}

impl Scope {
    /// Refuses changes where the organization is deleted.
    ///
    /// # Errors
    /// `Conflict`.
    pub(super) fn refuse_deleted(&self) -> Result<()> {
        if self.organization.status != OrganizationStatus::Deleted {
            return Ok(());
        }
        let slug = &self.organization.slug;
        Err(Error::conflict(format!("organization {slug} is deleted"))
            .hint(run!["org", "restore", slug].labeled("bring it back first")))
    }

    /// Refuses a caller whose role does not hold `permission`.
    ///
    /// # Errors
    /// `Refused`.
    pub(super) fn require(&self, session: &Session, permission: Permission) -> Result<()> {
        match self.role {
            Some(role) if !role.holds(permission) => Err(Error::refused(format!(
                "{} may not do this: it needs {permission}, which the role {role} does not hold",
                session.actor.name()
            ))
            .hint(run!["role", "show", role].labeled("see what a role may do"))),
            _ => Ok(()),
        }
    }

    /// Refuses a caller who may not give or take `role`.
    ///
    /// # Errors
    /// `Refused`.
    pub fn require_may_grant(&self, session: &Session, role: Role) -> Result<()> {
        match self.role {
            Some(own) if !own.may_grant(role) => Err(Error::refused(format!(
                "{} may not give or take the role {role}: as {own} they lack the right",
                session.actor.name()
            ))
            .hint(match role {
                Role::Owner => "only an owner makes owners",
                _ => "an owner or an admin can do it",
            })),
            _ => Ok(()),
        }
    }

    /// Writes the activity entry and ends the transaction.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost: then nothing was changed.
    pub async fn finish(mut self, session: &Session, change: Change) -> Result<()> {
        db::activity::append(&mut self.tx, session.entry(change)).await?;
        self.tx.commit().await
    }
}
