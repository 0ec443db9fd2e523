//! Rate limit per recipient address, across all organizations. A table of the platform: a tenant
//! cannot learn from it that another tenant wrote to the same address.

use chrono::{DateTime, TimeDelta, Utc};

use super::jobs::DueJob;
use crate::{db::PlatformConn, domain::OutboxId, error::Result};

/// The time window of the limit.
const WINDOW: TimeDelta = TimeDelta::hours(1);
/// Maximum number of outdated rows removed at a time.
const CLEANED: i64 = 100;

/// Result of a reservation for an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Room {
    /// The message may be sent, and counts from now on.
    Reserved,
    /// The limit is used up by other messages until this time.
    NoneUntil(DateTime<Utc>),
}

/// Counts a message to its address, unless `limit` other messages were counted within the last
/// hour. A message that is retried counts once. Workers that reserve for the same address wait for
/// each other.
pub async fn reserve(
    conn: &mut PlatformConn,
    job: &DueJob,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<Room> {
    // Locked until the end of the transaction. A collision with another address is harmless.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock($1)",
        lock_number(&job.recipient_hash)
    )
    .execute(conn.connection())
    .await?;
    let since = now - WINDOW;
    let row = sqlx::query!(
        r#"SELECT count(*) AS "others!", min(reserved_at) AS oldest FROM mail_deliveries
            WHERE recipient_hash = $1 AND outbox_id <> $2 AND reserved_at > $3"#,
        job.recipient_hash,
        job.message.as_uuid(),
        since,
    )
    .fetch_one(conn.connection())
    .await?;
    if let Some(oldest) = row.oldest
        && row.others >= i64::from(limit)
    {
        return Ok(Room::NoneUntil(oldest + WINDOW));
    }
    sqlx::query!(
        "INSERT INTO mail_deliveries (recipient_hash, outbox_id, reserved_at) VALUES ($1, $2, $3)
         ON CONFLICT (recipient_hash, outbox_id) DO UPDATE SET reserved_at = excluded.reserved_at",
        job.recipient_hash,
        job.message.as_uuid(),
        now,
    )
    .execute(conn.connection())
    .await?;
    clean(conn, since).await?;
    Ok(Room::Reserved)
}

/// Removes the count of a message that was not sent.
pub async fn release(
    conn: &mut PlatformConn,
    recipient_hash: &[u8],
    message: OutboxId,
) -> Result<()> {
    sqlx::query!(
        "DELETE FROM mail_deliveries WHERE recipient_hash = $1 AND outbox_id = $2",
        recipient_hash,
        message.as_uuid(),
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Removes outdated rows, a few at a time, and skips those locked by other sessions.
async fn clean(conn: &mut PlatformConn, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "DELETE FROM mail_deliveries d
          USING (SELECT recipient_hash, outbox_id FROM mail_deliveries WHERE reserved_at <= $1
                  ORDER BY reserved_at LIMIT $2 FOR UPDATE SKIP LOCKED) old
          WHERE d.recipient_hash = old.recipient_hash AND d.outbox_id = old.outbox_id",
        before,
        CLEANED,
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

fn lock_number(hash: &[u8]) -> i64 {
    let first = hash.first_chunk::<8>().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}
