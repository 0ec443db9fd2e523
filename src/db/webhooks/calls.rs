//! Calls, as reported by the providers: in several events, and not always in order.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    db::TenantTx,
    domain::{ChannelKind, webhook_effect::CallUpdate},
    error::Result,
};

/// Merges the reported data into the row of the call, which may already exist. A late event from
/// before the end of the call does not undo the end.
pub async fn record(
    tx: &mut TenantTx,
    id: Uuid,
    channel: ChannelKind,
    call: &CallUpdate,
    received_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    let started_at = call.started_at.unwrap_or(received_at);
    sqlx::query!(
        "INSERT INTO calls
                (organization_id, id, channel, external_id, direction, from_number, to_number, status,
                 duration_seconds, started_at, ended_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (organization_id, channel, external_id) DO UPDATE
            SET from_number = coalesce(calls.from_number, EXCLUDED.from_number),
                to_number = coalesce(calls.to_number, EXCLUDED.to_number),
                status = CASE WHEN calls.ended_at IS NOT NULL AND EXCLUDED.ended_at IS NULL
                              THEN calls.status ELSE EXCLUDED.status END,
                duration_seconds = coalesce(EXCLUDED.duration_seconds, calls.duration_seconds),
                started_at = least(calls.started_at, EXCLUDED.started_at),
                ended_at = coalesce(calls.ended_at, EXCLUDED.ended_at),
                updated_at = EXCLUDED.updated_at",
        tx.organization_id().as_uuid(),
        id,
        channel.as_str(),
        call.external_id,
        call.direction.as_str(),
        call.from_number,
        call.to_number,
        call.status,
        call.duration_seconds,
        started_at,
        call.ended_at,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Reports whether a call has ended, or started before `oldest`.
pub async fn is_over(
    tx: &mut TenantTx,
    channel: ChannelKind,
    external_id: &str,
    oldest: DateTime<Utc>,
) -> Result<bool> {
    let over = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM calls
                WHERE organization_id = $1 AND channel = $2 AND external_id = $3
                  AND (ended_at IS NOT NULL OR started_at < $4)) AS "over!""#,
        tx.organization_id().as_uuid(),
        channel.as_str(),
        external_id,
        oldest,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(over)
}

/// A finished call that was not yet part of the usage; from now on it is.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub at: DateTime<Utc>,
    pub seconds: i64,
}

/// Adds a call to the usage, only once even if its end is reported repeatedly.
pub async fn count(
    tx: &mut TenantTx,
    channel: ChannelKind,
    external_id: &str,
) -> Result<Option<Ended>> {
    let row = sqlx::query!(
        r#"UPDATE calls SET counted = true
            WHERE organization_id = $1 AND channel = $2 AND external_id = $3
              AND NOT counted AND ended_at IS NOT NULL
            RETURNING ended_at AS "ended_at!", coalesce(duration_seconds, 0)::bigint AS "seconds!""#,
        tx.organization_id().as_uuid(),
        channel.as_str(),
        external_id,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Ended {
        at: row.ended_at,
        seconds: row.seconds,
    }))
}

/// Reports whether the organization has accepted a call: it is recorded, or it was connected and
/// the worker is about to record it.
pub async fn is_known(tx: &mut TenantTx, channel: ChannelKind, external_id: &str) -> Result<bool> {
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM calls
                           WHERE organization_id = $1 AND channel = $2 AND external_id = $3)
               OR EXISTS (SELECT FROM stream_tokens
                           WHERE organization_id = $1 AND channel = $2 AND call_id = $3) AS "known!""#,
        tx.organization_id().as_uuid(),
        channel.as_str(),
        external_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(known)
}
