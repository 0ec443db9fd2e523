//! Single-use tokens that authorize the media stream of a call.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    db::{TenantTx, stored},
    domain::ChannelKind,
    error::Result,
};

/// Retention of an expired token, to distinguish it from one that never existed.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// Adds a token by its hash, and removes those that expired long ago.
pub async fn insert(
    tx: &mut TenantTx,
    token_hash: &[u8; 32],
    channel: ChannelKind,
    call_id: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "WITH over AS (DELETE FROM stream_tokens WHERE organization_id = $1 AND expires_at < $6)
         INSERT INTO stream_tokens (organization_id, token_hash, channel, call_id, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
        tx.organization_id().as_uuid(),
        token_hash,
        channel.as_str(),
        call_id,
        expires_at,
        now - KEPT,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Redeems a token for its call. `None` if it does not exist, belongs to another call, was used or
/// has expired; the caller does not learn which.
pub async fn redeem(
    tx: &mut TenantTx,
    token_hash: &[u8; 32],
    call_id: &str,
    now: DateTime<Utc>,
) -> Result<Option<ChannelKind>> {
    let channel = sqlx::query_scalar!(
        "UPDATE stream_tokens SET used_at = $4
          WHERE organization_id = $1 AND token_hash = $2 AND call_id = $3
            AND used_at IS NULL AND expires_at > $4
          RETURNING channel",
        tx.organization_id().as_uuid(),
        token_hash,
        call_id,
        now,
    )
    .fetch_optional(tx.connection())
    .await?;
    channel
        .map(|channel| stored("stream_tokens.channel", channel.parse()))
        .transpose()
}
