//! Revocation of invitations.

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

/// A revoked invitation.
#[derive(Clone, Debug)]
pub struct Revoked {
    pub organization: Organization,
    pub invitation: Invitation,
    /// `false` if it was revoked already.
    pub changed: bool,
}

/// Revokes a pending invitation.
///
/// # Errors
/// `Conflict` if it was accepted; `NotFound`. Revoking it twice is not an error.
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

/// Revokes the pending invitation of an address that becomes a member or stops being one by other
/// means: the link would let the user join again, with the invited role.
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

/// Revokes a pending invitation and writes the activity entry.
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
