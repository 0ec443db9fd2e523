//! Invitations: creating, resending, revoking and accepting.

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

/// Returns the matching invitations, newest first.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
    filter: &InvitationFilter,
) -> Result<Vec<Invitation>> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    db::invitations::list(&mut scope.tx, filter, session.now()).await
}

/// Returns an invitation by id, or by address (a pending one first, then the newest).
///
/// # Errors
/// `NotFound`; the errors of [`Session::read`].
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
        Error::not_found(format!("invitation {which} of {slug} not found"))
            .hint(run!["invite", "list", "--all", "--org", slug].labeled("list the invitations"))
    })
}

async fn lock_pending(scope: &mut Scope, which: &str) -> Result<Invitation> {
    let id = require(scope, which).await?.id;
    match db::invitations::lock(&mut scope.tx, id).await? {
        Some(locked) if locked.status == InvitationStatus::Pending => Ok(locked),
        Some(locked) => Err(no_longer_pending(&scope.organization, &locked)),
        None => Err(Error::not_found("invitation not found")),
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
            run!["member", "list", "--org", slug].labeled("list the members")
        }
        _ => run!["invite", "create", email, "--role", role, "--org", slug].labeled("invite again"),
    })
}

pub(super) fn require_active(organization: &Organization) -> Result<()> {
    match organization.status {
        OrganizationStatus::Active => Ok(()),
        status => Err(Error::refused(format!(
            "organization {} is {status} and cannot be joined",
            organization.slug
        ))
        .hint("ask the platform's operator to resume or restore it")),
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
