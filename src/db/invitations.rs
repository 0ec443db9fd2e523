//! Invitations. Only the SHA-256 of a token is stored.

use chrono::{DateTime, Utc};

use super::{PlatformConn, TenantTx, table::columns};
use crate::{
    domain::{Email, InvitationId, OrganizationId, UserId, invitation::Invitation},
    error::{Error, Result},
};

columns! {
    ($) select: Invitation;
    "id" "email" "role" "status" "invited_by_user_id" "invited_by" "times_issued" "expires_at"
    "created_at" "updated_at" "accepted_at" "revoked_at"
}

/// Finds an invitation by id.
pub async fn find(tx: &mut TenantTx, id: InvitationId) -> Result<Option<Invitation>> {
    select!(
        "FROM organization_invitations WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds the newest invitation for an address; pending ones first.
pub async fn find_by_email(tx: &mut TenantTx, email: &Email) -> Result<Option<Invitation>> {
    select!(
        "FROM organization_invitations WHERE organization_id = $1 AND email = $2
          ORDER BY status = 'pending' DESC, created_at DESC LIMIT 1",
        tx.organization_id().as_uuid(),
        email.as_str(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds the invitation with this token hash, and locks it until the end of the transaction: if two
/// sessions accept it at the same time, the second one waits and then finds it used.
pub async fn lock_by_token_hash(
    tx: &mut TenantTx,
    token_hash: &[u8; 32],
) -> Result<Option<Invitation>> {
    select!(
        "FROM organization_invitations WHERE organization_id = $1 AND token_hash = $2 FOR UPDATE",
        tx.organization_id().as_uuid(),
        token_hash.as_slice(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds an invitation and locks it until the end of the transaction.
pub async fn lock(tx: &mut TenantTx, id: InvitationId) -> Result<Option<Invitation>> {
    select!(
        "FROM organization_invitations WHERE organization_id = $1 AND id = $2 FOR UPDATE",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Filter for [`list`].
#[derive(Clone, Debug, Default)]
pub struct InvitationFilter {
    /// All statuses; otherwise only invitations that can still be accepted.
    pub all: bool,
    pub limit: Option<i64>,
}

/// Returns the invitations, newest first.
pub async fn list(
    tx: &mut TenantTx,
    filter: &InvitationFilter,
    now: DateTime<Utc>,
) -> Result<Vec<Invitation>> {
    select!(
        "FROM organization_invitations
          WHERE organization_id = $1 AND ($2 OR (status = 'pending' AND expires_at > $3))
          ORDER BY created_at DESC, id DESC LIMIT $4",
        tx.organization_id().as_uuid(),
        filter.all,
        now,
        filter.limit,
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::from)
}

/// Adds a pending invitation, and the platform's lookup entry from the address to it. Returns
/// `false` if an invitation is already pending for that address.
pub async fn insert(
    tx: &mut TenantTx,
    invitation: &Invitation,
    token_hash: &[u8; 32],
) -> Result<bool> {
    let organization = tx.organization_id().as_uuid();
    let inserted = sqlx::query!(
        "INSERT INTO organization_invitations
                (organization_id, id, email, role, status, token_hash, invited_by_user_id,
                 invited_by, expires_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10)
         ON CONFLICT DO NOTHING",
        organization,
        invitation.id.as_uuid(),
        invitation.email.as_str(),
        invitation.role.as_str(),
        token_hash.as_slice(),
        invitation.invited_by_user_id.map(|user| user.as_uuid()),
        invitation.invited_by,
        invitation.expires_at,
        invitation.created_at,
        invitation.updated_at,
    )
    .execute(tx.connection())
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    let email_hash = invitation.email.lookup_hash();
    sqlx::query!(
        "INSERT INTO invitation_lookups (organization_id, invitation_id, email_hash)
         VALUES ($1, $2, $3)",
        organization,
        invitation.id.as_uuid(),
        email_hash.as_slice(),
    )
    .execute(tx.connection())
    .await?;
    Ok(true)
}

/// Stores a reissued invitation: its new issuer, expiry and token. The earlier token is no longer
/// valid.
pub async fn reissue(
    tx: &mut TenantTx,
    invitation: &Invitation,
    token_hash: &[u8; 32],
) -> Result<()> {
    sqlx::query!(
        "UPDATE organization_invitations
            SET token_hash = $3, invited_by_user_id = $4, invited_by = $5, times_issued = $6,
                expires_at = $7, updated_at = $8
          WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        tx.organization_id().as_uuid(),
        invitation.id.as_uuid(),
        token_hash.as_slice(),
        invitation.invited_by_user_id.map(|user| user.as_uuid()),
        invitation.invited_by,
        invitation.times_issued,
        invitation.expires_at,
        invitation.updated_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Marks a pending invitation as accepted by `user`. Returns `false` if it was no longer pending.
pub async fn accept(
    tx: &mut TenantTx,
    id: InvitationId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE organization_invitations
            SET status = 'accepted', accepted_at = $3, accepted_by = $4, updated_at = $3
          WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        now,
        user.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    delete_lookup(tx, id).await?;
    Ok(updated.rows_affected() == 1)
}

/// Marks a pending invitation as revoked. Returns `false` if it was no longer pending.
pub async fn revoke(tx: &mut TenantTx, id: InvitationId, now: DateTime<Utc>) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE organization_invitations
            SET status = 'revoked', revoked_at = $3, updated_at = $3
          WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    delete_lookup(tx, id).await?;
    Ok(updated.rows_affected() == 1)
}

async fn delete_lookup(tx: &mut TenantTx, id: InvitationId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM invitation_lookups WHERE organization_id = $1 AND invitation_id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Returns the pending invitations for an address, in all organizations.
pub async fn waiting_for(
    conn: &mut PlatformConn,
    email: &Email,
) -> Result<Vec<(OrganizationId, InvitationId)>> {
    let email_hash = email.lookup_hash();
    let rows = sqlx::query!(
        "SELECT organization_id, invitation_id FROM invitation_lookups
          WHERE email_hash = $1 ORDER BY organization_id, invitation_id",
        email_hash.as_slice(),
    )
    .fetch_all(conn.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.organization_id.into(), row.invitation_id.into()))
        .collect())
}
