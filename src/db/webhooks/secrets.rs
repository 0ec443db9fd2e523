//! The sealed secrets of endpoints.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    db::{TenantTx, stored},
    domain::webhook_endpoint::SecretPurpose,
    error::Result,
};

/// A secret as stored: useless without the key.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    pub id: Uuid,
    pub endpoint_id: Uuid,
    pub purpose: SecretPurpose,
    pub sealed: Vec<u8>,
    pub created_at: DateTime<Utc>,
    /// `None` for the secret in use.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Returns the secrets of an endpoint that are valid at `now`, newest first; `None` for all
/// endpoints of the organization.
pub async fn active(
    tx: &mut TenantTx,
    endpoint: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<SealedSecret>> {
    let rows = sqlx::query!(
        "SELECT id, endpoint_id, purpose, sealed, created_at, expires_at FROM webhook_secrets
          WHERE organization_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2)
            AND (expires_at IS NULL OR expires_at > $3)
          ORDER BY created_at DESC, id DESC",
        tx.organization_id().as_uuid(),
        endpoint,
        now,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(SealedSecret {
                id: row.id,
                endpoint_id: row.endpoint_id,
                purpose: stored("webhook_secrets.purpose", row.purpose.parse())?,
                sealed: row.sealed,
                created_at: row.created_at,
                expires_at: row.expires_at,
            })
        })
        .collect()
}

/// Adds the secret in use. The previous one has to be retired first.
pub async fn insert(tx: &mut TenantTx, secret: &SealedSecret) -> Result<()> {
    sqlx::query!(
        "INSERT INTO webhook_secrets
                (organization_id, id, endpoint_id, purpose, sealed, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        tx.organization_id().as_uuid(),
        secret.id,
        secret.endpoint_id,
        secret.purpose.as_str(),
        secret.sealed,
        secret.created_at,
        secret.expires_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Stores a resealed secret.
pub async fn reseal(tx: &mut TenantTx, id: Uuid, sealed: &[u8]) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_secrets SET sealed = $3 WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id,
        sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Lets the secret in use expire at `expires_at`, and removes those that were retired before it: at
/// most two are active.
pub async fn retire(
    tx: &mut TenantTx,
    endpoint: Uuid,
    purpose: SecretPurpose,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "DELETE FROM webhook_secrets
          WHERE organization_id = $1 AND endpoint_id = $2 AND purpose = $3 AND expires_at IS NOT NULL",
        tx.organization_id().as_uuid(),
        endpoint,
        purpose.as_str(),
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "UPDATE webhook_secrets SET expires_at = $4
          WHERE organization_id = $1 AND endpoint_id = $2 AND purpose = $3",
        tx.organization_id().as_uuid(),
        endpoint,
        purpose.as_str(),
        expires_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
