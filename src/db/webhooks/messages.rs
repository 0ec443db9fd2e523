//! WhatsApp and web chat messages.

use uuid::Uuid;

use crate::{
    db::TenantTx,
    domain::{
        ChannelKind,
        webhook_effect::{MessageStatus, NewMessage},
    },
    error::Result,
};

/// Adds a received message. Returns `false` if it is already known.
pub async fn insert(
    tx: &mut TenantTx,
    id: Uuid,
    channel: ChannelKind,
    message: &NewMessage,
) -> Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO messages
                (organization_id, id, channel, external_id, direction, counterpart, kind, body, sent_at)
         VALUES ($1, $2, $3, $4, 'inbound', $5, $6, $7, $8)
         ON CONFLICT (organization_id, channel, external_id) DO NOTHING",
        tx.organization_id().as_uuid(),
        id,
        channel.as_str(),
        message.external_id,
        message.sender,
        message.kind,
        message.text,
        message.sent_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Records the delivery status of an outgoing message. An unknown message is added without its
/// text, because another program may have sent it. An older status does not replace a newer one.
pub async fn set_status(
    tx: &mut TenantTx,
    id: Uuid,
    channel: ChannelKind,
    status: &MessageStatus,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO messages
                (organization_id, id, channel, external_id, direction, counterpart, kind, status, status_at,
                 sent_at)
         VALUES ($1, $2, $3, $4, 'outbound', $5, 'unknown', $6, $7, $7)
         ON CONFLICT (organization_id, channel, external_id) DO UPDATE
            SET status = EXCLUDED.status, status_at = EXCLUDED.status_at
          WHERE messages.status_at IS NULL OR messages.status_at <= EXCLUDED.status_at",
        tx.organization_id().as_uuid(),
        id,
        channel.as_str(),
        status.external_id,
        status.recipient,
        status.status,
        status.at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
