//! Taking invitations back.

use super::{change, lock_pending, require};
use crate::{
    db::{self, TenantTx},
    domain::{
        Email, InvitationStatus, OrganizationId, Permission, invitation::Invitation,
        organization::Organization,
    },
    error::Result,
    services::{
        Session,
        outbox::{self, REVOKED},
    },
};

/// An invitation that cannot be accepted any more.
#[derive(Clone, Debug)]
pub struct Revoked {
    pub organization: Organization,
    pub invitation: Invitation,
    /// `false`: it was revoked already.
    pub changed: bool,
}

/// Takes a pending invitation back.
///
/// # Errors
/// `Conflict` when it was accepted; `NotFound`. Revoking twice is no error.
pub async fn revoke(
    session: &Session,
    organization: OrganizationId,
    which: &str,
) -> Result<Revoked> {
    let mut scope = session
        .write(organization, Permission::MembersInvite)
        .await?;
    let found = require(&mut scope, which).await?;
    if found.status == InvitationStatus::Revoked {
        return Ok(Revoked {
            organization: scope.organization,
            invitation: found,
            changed: false,
        });
    }
    let before = lock_pending(&mut scope, &found.id.to_string()).await?;
    scope.require_may_grant(session, before.role)?;
    let invitation = revoke_pending(session, &mut scope.tx, &before).await?;
    scope.tx.commit().await?;
    Ok(Revoked {
        organization: scope.organization,
        invitation,
        changed: true,
    })
}

/// Takes back what waits for an address that becomes a member, or ceases to be one, by another
/// way: an earlier link would bring them in again, with the role that was meant then.
pub(in crate::services) async fn revoke_waiting(
    session: &Session,
    tx: &mut TenantTx,
    email: &Email,
) -> Result<Option<Invitation>> {
    match db::invitations::find_by_email(tx, email).await? {
        Some(waiting) if waiting.status == InvitationStatus::Pending => {
            revoke_pending(session, tx, &waiting).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Revokes a pending invitation, with its activity entry.
pub(super) async fn revoke_pending(
    session: &Session,
    tx: &mut TenantTx,
    pending: &Invitation,
) -> Result<Invitation> {
    let now = session.now();
    db::invitations::revoke(tx, pending.id, now).await?;
    outbox::cancel_waiting(session, tx, pending.id, REVOKED).await?;
    let revoked = Invitation {
        status: InvitationStatus::Revoked,
        revoked_at: Some(now),
        updated_at: now,
        ..pending.clone()
    };
    let entry = session.entry(change("invitation.revoke", Some(pending), Some(&revoked)));
    db::activity::append(tx, entry).await?;
    Ok(revoked)
}
