//! Usage of a channel, by day in the organization's time zone.

use chrono::NaiveDate;

use crate::{db::TenantTx, domain::ChannelKind, error::Result};

/// The usage to add.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub calls: i64,
    pub call_seconds: i64,
    pub messages: i64,
}

/// Adds usage to a day. The caller ensures that each call or message is added only once.
pub async fn add(
    tx: &mut TenantTx,
    channel: ChannelKind,
    day: NaiveDate,
    used: Used,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO channel_usage (organization_id, channel, day, calls, call_seconds, messages)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (organization_id, channel, day) DO UPDATE
            SET calls = channel_usage.calls + EXCLUDED.calls,
                call_seconds = channel_usage.call_seconds + EXCLUDED.call_seconds,
                messages = channel_usage.messages + EXCLUDED.messages",
        tx.organization_id().as_uuid(),
        channel.as_str(),
        day,
        used.calls,
        used.call_seconds,
        used.messages,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The usage of a day.
#[derive(Clone, Debug)]
pub struct DayOfUse {
    pub channel: String,
    pub day: NaiveDate,
    pub calls: i64,
    pub call_seconds: i64,
    pub messages: i64,
}

/// Returns the usage of a range of days, inclusive.
pub async fn list(
    tx: &mut TenantTx,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Vec<DayOfUse>> {
    Ok(sqlx::query_as!(
        DayOfUse,
        "SELECT channel, day, calls, call_seconds, messages FROM channel_usage
          WHERE organization_id = $1 AND ($2::date IS NULL OR day >= $2)
            AND ($3::date IS NULL OR day <= $3)
          ORDER BY day, channel",
        tx.organization_id().as_uuid(),
        from,
        to,
    )
    .fetch_all(tx.connection())
    .await?)
}
