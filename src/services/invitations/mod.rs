//! Invitations: made, issued anew, revoked, and accepted once.

mod accept;
mod issue;
mod revoke;

use serde_json::{Value, json};

pub use accept::{Joined, Refusal, accept, accept_waiting};
pub use issue::{Created, Issued, create, resend};
pub(super) use issue::{Terms, issue, renew_token, require_allowed_domain};
pub(super) use revoke::revoke_waiting;
pub use revoke::{Revoked, revoke};

use crate::{
    db::{self, invitations::InvitationFilter},
    domain::{
        InvitationId, InvitationStatus, OrganizationId, Permission,
        invitation::Invitation,
        organization::{Organization, OrganizationStatus},
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
};

/// The invitations that match, newest first.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
    filter: &InvitationFilter,
) -> Result<Vec<Invitation>> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    db::invitations::list(&mut scope.tx, filter, session.now()).await
}

/// One invitation, by id or address (the newest, pending first).
///
/// # Errors
/// `NotFound`, and as [`Session::read`].
pub async fn show(
    session: &Session,
    organization: OrganizationId,
    which: &str,
) -> Result<Invitation> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    require(&mut scope, which).await
}

async fn require(scope: &mut Scope, which: &str) -> Result<Invitation> {
    let found = match which.parse::<InvitationId>() {
        Ok(id) => db::invitations::find(&mut scope.tx, id).await?,
        Err(_) => db::invitations::find_by_email(&mut scope.tx, &which.parse()?).await?,
    };
    found.ok_or_else(|| {
        let slug = &scope.organization.slug;
        Error::not_found(format!("{slug} has no invitation {which}"))
            .hint(run!["invite", "list", "--all", "--org", slug].labeled("list them"))
    })
}

async fn lock_pending(scope: &mut Scope, which: &str) -> Result<Invitation> {
    let id = require(scope, which).await?.id;
    match db::invitations::lock(&mut scope.tx, id).await? {
        Some(locked) if locked.status == InvitationStatus::Pending => Ok(locked),
        Some(locked) => Err(no_longer_pending(&scope.organization, &locked)),
        None => Err(Error::not_found("the invitation is gone")),
    }
}

fn no_longer_pending(organization: &Organization, invitation: &Invitation) -> Error {
    let (email, role, slug) = (&invitation.email, invitation.role, &organization.slug);
    let error = Error::conflict(format!(
        "the invitation of {email} to {slug} is {}",
        invitation.status
    ));
    error.hint(match invitation.status {
        InvitationStatus::Accepted => {
            run!["member", "list", "--org", slug].labeled("see who is a member")
        }
        _ => run!["invite", "create", email, "--role", role, "--org", slug].labeled("invite anew"),
    })
}

pub(super) fn require_active(organization: &Organization) -> Result<()> {
    match organization.status {
        OrganizationStatus::Active => Ok(()),
        status => Err(Error::refused(format!(
            "organization {} is {status}: it cannot be joined now",
            organization.slug
        ))
        .hint("the platform operator can make it active again: org resume, org restore")),
    }
}

fn change(action: &'static str, before: Option<&Invitation>, after: Option<&Invitation>) -> Change {
    Change {
        action,
        object_type: "invitation",
        object_id: before
            .or(after)
            .map(|invitation| invitation.id.to_string())
            .unwrap_or_default(),
        before: before.map(snapshot),
        after: after.map(snapshot),
    }
}

fn snapshot(invitation: &Invitation) -> Value {
    json!({
        "email": invitation.email,
        "role": invitation.role,
        "status": invitation.status,
        "invited_by": invitation.invited_by,
        "expires_at": invitation.expires_at,
    })
}
