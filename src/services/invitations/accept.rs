//! Acceptance of an invitation, by its token or by an address confirmed in a sign-up.

use super::{change, require_active};
use crate::{
    db::{self, TenantTx},
    domain::{
        Email, InvitationId, InvitationStatus, InvitationToken, OrganizationId, Permission, Role,
        invitation::{self, Invitation},
        organization::Organization,
        user::User,
    },
    error::{Error, Result},
    services::{
        Session,
        organizations::member_of,
        outbox::{self, ACCEPTED},
    },
};

/// A membership created by an invitation.
#[derive(Clone, Debug)]
pub struct Joined {
    pub organization: Organization,
    pub role: Role,
}

/// The reason an invitation is not accepted. Failures of the database are separate errors.
#[derive(Debug)]
pub enum Refusal {
    /// It was accepted or revoked, has expired, or does not exist.
    Over,
    /// It is pending, but cannot be accepted now.
    Barred(Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Over => invitation::unknown_token(),
            Refusal::Barred(why) => why,
        }
    }
}

/// Accepts the invitation with that token, for the acting `user`.
///
/// # Errors
/// `NotFound`, with the same message, for a token that is unknown, expired, revoked or used;
/// `Refused` if the user has another address, the organization is not active, or the inviter may no
/// longer grant that role.
pub async fn accept(session: &Session, token: &InvitationToken, user: &User) -> Result<Joined> {
    let mut tx = TenantTx::begin(&session.db, token.organization_id()).await?;
    let organization = db::organizations::lock_current(&mut tx)
        .await?
        .ok_or_else(invitation::unknown_token)?;
    let found = db::invitations::lock_by_token_hash(&mut tx, &token.hash())
        .await?
        .ok_or_else(invitation::unknown_token)?;
    join(session, tx, organization, found, user)
        .await?
        .map_err(Error::from)
}

/// Accepts a pending invitation for the user's confirmed address. The inner error is the reason it
/// is not accepted.
///
/// # Errors
/// Only errors of the database. The state of the invitation is then unknown.
pub async fn accept_waiting(
    session: &Session,
    organization: OrganizationId,
    id: InvitationId,
    user: &User,
) -> Result<Result<Joined, Refusal>> {
    let mut tx = TenantTx::begin(&session.db, organization).await?;
    let Some(organization) = db::organizations::lock_current(&mut tx).await? else {
        return Ok(Err(Refusal::Over));
    };
    match db::invitations::lock(&mut tx, id).await? {
        Some(found) => join(session, tx, organization, found, user).await,
        None => Ok(Err(Refusal::Over)),
    }
}

async fn join(
    session: &Session,
    mut tx: TenantTx,
    organization: Organization,
    found: Invitation,
    user: &User,
) -> Result<Result<Joined, Refusal>> {
    let now = session.now();
    if found.status_at(now) != InvitationStatus::Pending {
        return Ok(Err(Refusal::Over));
    }
    if let Err(why) = require_open_to(&organization, &found, user) {
        return Ok(Err(Refusal::Barred(why)));
    }
    if !inviter_may_grant(&mut tx, &found).await? {
        return Ok(Err(Refusal::Barred(inviter_lost_the_right())));
    }
    let member = member_of(user, found.role, now);
    if !db::members::insert(&mut tx, &member).await? {
        return Ok(Err(Refusal::Barred(member_already(&organization, user))));
    }
    db::invitations::accept(&mut tx, found.id, user.id, now).await?;
    outbox::cancel_waiting(session, &mut tx, found.id, ACCEPTED).await?;
    let after = Invitation {
        status: InvitationStatus::Accepted,
        accepted_at: Some(now),
        updated_at: now,
        ..found.clone()
    };
    let entry = session.entry(change("invitation.accept", Some(&found), Some(&after)));
    db::activity::append(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(Ok(Joined {
        organization,
        role: found.role,
    }))
}

/// Checks the conditions that need no further query.
fn require_open_to(organization: &Organization, found: &Invitation, user: &User) -> Result<()> {
    if found.email != user.email {
        return Err(Error::refused(format!(
            "this invitation is for another address than {}",
            user.email
        ))
        .hint("accept it as the user who was invited"));
    }
    require_active(organization)?;
    require_domain_still_allowed(organization, &found.email)
}

/// Checks the address against the domain list, which may have changed since the invitation.
fn require_domain_still_allowed(organization: &Organization, email: &Email) -> Result<()> {
    if invitation::domain_allowed(email, &organization.allowed_email_domains) {
        return Ok(());
    }
    Err(Error::refused(format!(
        "organization {} no longer allows addresses of {}",
        organization.slug,
        email.domain()
    ))
    .hint("ask the organization for an invitation to another address"))
}

/// Returns `true` if the inviter may still grant the role. The inviter may have been removed or
/// demoted since. The operator's permission does not depend on a membership.
async fn inviter_may_grant(tx: &mut TenantTx, found: &Invitation) -> Result<bool> {
    let Some(inviter) = found.invited_by_user_id else {
        return Ok(true);
    };
    let inviter = db::members::find(tx, inviter).await?;
    Ok(inviter.is_some_and(|inviter| {
        inviter.role.holds(Permission::MembersInvite) && inviter.role.may_grant(found.role)
    }))
}

fn inviter_lost_the_right() -> Error {
    Error::refused("the inviter may no longer grant this role")
        .hint("ask the organization for a new invitation")
}

fn member_already(organization: &Organization, user: &User) -> Error {
    Error::conflict(format!(
        "{} is already a member of {}",
        user.email, organization.slug
    ))
}
