//! The sealed tokens of pending messages.

use crate::{
    db::TenantTx,
    domain::{InvitationId, OutboxId},
    error::Result,
};

/// A token as stored: useless without the key.
#[derive(Debug)]
pub struct SealedToken {
    /// The message of the token.
    pub id: OutboxId,
    pub invitation_id: InvitationId,
    pub token: Vec<u8>,
}

/// Returns the sealed tokens of the organization.
pub async fn sealed(tx: &mut TenantTx) -> Result<Vec<SealedToken>> {
    let rows = sqlx::query!(
        r#"SELECT id, invitation_id, sealed_token AS "token!" FROM outbox
            WHERE organization_id = $1 AND sealed_token IS NOT NULL ORDER BY id"#,
        tx.organization_id().as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    let sealed = rows.into_iter().map(|row| SealedToken {
        id: row.id.into(),
        invitation_id: row.invitation_id.into(),
        token: row.token,
    });
    Ok(sealed.collect())
}

/// Stores a resealed token. Returns `false` if the message was sent in the meantime or has another
/// token.
pub async fn reseal(tx: &mut TenantTx, former: &SealedToken, token: &[u8]) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE outbox SET sealed_token = $4
          WHERE organization_id = $1 AND id = $2 AND sealed_token = $3",
        tx.organization_id().as_uuid(),
        former.id.as_uuid(),
        former.token,
        token,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}
