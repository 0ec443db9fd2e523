//! Accepting an invitation: by its token, or by an address that a sign-up has confirmed.

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

/// A membership that came from an invitation.
#[derive(Clone, Debug)]
pub struct Joined {
    pub organization: Organization,
    pub role: Role,
}

/// The reason an invitation does not let its user in. A failure of the database is none of these.
#[derive(Debug)]
pub enum Refusal {
    /// Used, revoked, expired or gone: there is nothing left to accept.
    Over,
    /// It stands, but something is in the way.
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

/// Accepts the invitation that `token` proves, for `user`, who acts.
///
/// # Errors
/// `NotFound`, in the same words, for a token that is unknown, expired, revoked or used; `Refused`
/// when the user has another address, the organization is not active, or the inviter may no
/// longer give that role.
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

/// Accepts an invitation that a sign-up found by the user's confirmed address. The inner error
/// says why the invitation did not let them in.
///
/// # Errors
/// What the database could not do: then nothing is known of the invitation.
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

/// What can be told without asking the database.
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

/// The accepting side made no mistake: the list was changed after the invitation.
fn require_domain_still_allowed(organization: &Organization, email: &Email) -> Result<()> {
    if invitation::domain_allowed(email, &organization.allowed_email_domains) {
        return Ok(());
    }
    Err(Error::refused(format!(
        "organization {} does not take addresses of {} any more",
        organization.slug,
        email.domain()
    ))
    .hint("ask the organization for an invitation to another address"))
}

/// The inviter may have lost the right since: removed, or demoted. An operator's does not depend
/// on a membership.
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
        "{} is a member of {} already",
        user.email, organization.slug
    ))
}
