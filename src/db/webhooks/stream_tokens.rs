//! Tokens that let the media stream of one call in, once.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    db::{TenantTx, stored},
    domain::ChannelKind,
    error::Result,
};

/// For how long a token that is over is kept, to be told from one that never was.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// Adds a token, by its hash, and removes those that are long over.
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

/// Uses a token up, for that call alone. `None`: there is none, it is of another call, was used or is
/// over; which, nobody is told.
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
