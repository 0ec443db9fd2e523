//! Messages, written in the transaction of the change that they report, and sent later.
//!
//! Lock order: the job first, then the message, then the head of the activity chain. This prevents
//! deadlocks.

pub mod jobs;
pub mod recipients;
mod sealed;

pub use sealed::{SealedToken, reseal, sealed};

use chrono::{DateTime, Utc};

use super::{TenantTx, table::columns};
use crate::{
    domain::{Email, InvitationId, OutboxId, OutboxMessage, OutboxStatus},
    error::{Error, Result},
};

columns! {
    ($) select: OutboxMessage;
    "id" "kind" "invitation_id" "recipient" "locale" "status" "attempts" "last_error" "retry_at"
    "created_at" "updated_at" "sent_at"
}

/// Filter for [`list`].
#[derive(Clone, Debug, Default)]
pub struct OutboxFilter {
    pub status: Option<OutboxStatus>,
    pub limit: Option<i64>,
}

/// Returns the messages, newest first.
pub async fn list(tx: &mut TenantTx, filter: &OutboxFilter) -> Result<Vec<OutboxMessage>> {
    select!(
        "FROM outbox
          WHERE organization_id = $1 AND ($2::text IS NULL OR status = $2)
          ORDER BY created_at DESC, id DESC LIMIT $3",
        tx.organization_id().as_uuid(),
        filter.status.map(OutboxStatus::as_str),
        filter.limit,
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds a message by id.
pub async fn find(tx: &mut TenantTx, id: OutboxId) -> Result<Option<OutboxMessage>> {
    select!(
        "FROM outbox WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds the newest message to an address.
pub async fn find_by_recipient(tx: &mut TenantTx, email: &Email) -> Result<Option<OutboxMessage>> {
    select!(
        "FROM outbox WHERE organization_id = $1 AND recipient = $2
          ORDER BY created_at DESC, id DESC LIMIT 1",
        tx.organization_id().as_uuid(),
        email.as_str(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds a message and locks it until the end of the transaction, with its sealed token while it
/// has one.
pub async fn lock(
    tx: &mut TenantTx,
    id: OutboxId,
) -> Result<Option<(OutboxMessage, Option<Vec<u8>>)>> {
    let sealed = sqlx::query_scalar!(
        "SELECT sealed_token FROM outbox WHERE organization_id = $1 AND id = $2 FOR UPDATE",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let found = find(tx, id).await?;
    Ok(found.map(|message| (message, sealed)))
}

/// A new message about an invitation.
#[derive(Debug)]
pub struct NewMessage<'a> {
    pub id: OutboxId,
    pub invitation_id: InvitationId,
    pub recipient: &'a Email,
    pub sealed_token: &'a [u8],
    pub now: DateTime<Utc>,
}

/// Adds a message in the language of the organization, and the job that sends it.
pub async fn insert(tx: &mut TenantTx, new: &NewMessage<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO outbox
                (organization_id, id, kind, invitation_id, recipient, locale, sealed_token, status,
                 created_at, updated_at)
         SELECT $1, $2, 'invitation', $3, $4, o.locale, $5, 'pending', $6, $6
           FROM organizations o WHERE o.id = $1",
        tx.organization_id().as_uuid(),
        new.id.as_uuid(),
        new.invitation_id.as_uuid(),
        new.recipient.as_str(),
        new.sealed_token,
        new.now,
    )
    .execute(tx.connection())
    .await?;
    jobs::insert(tx, new.id, new.recipient, new.now).await
}

/// Gives a failed message a new token and makes it pending again.
pub async fn renew(
    tx: &mut TenantTx,
    message: &OutboxMessage,
    sealed_token: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE outbox
            SET status = 'pending', sealed_token = $3, attempts = 0, last_error = NULL,
                retry_at = NULL, updated_at = $4
          WHERE organization_id = $1 AND id = $2 AND status = 'failed'",
        tx.organization_id().as_uuid(),
        message.id.as_uuid(),
        sealed_token,
        now,
    )
    .execute(tx.connection())
    .await?;
    jobs::insert(tx, message.id, &message.recipient, now).await
}

/// Counts an attempt that is about to start.
pub async fn begin_attempt(tx: &mut TenantTx, id: OutboxId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE outbox SET attempts = attempts + 1, updated_at = $3
          WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Records that a message is pending a retry. `attempts` is the new count: an attempt that never
/// reached the server does not count.
pub async fn put_off(
    tx: &mut TenantTx,
    id: OutboxId,
    attempts: i32,
    error: &str,
    retry_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE outbox SET attempts = $3, last_error = $4, retry_at = $5, updated_at = $6
          WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        attempts,
        error,
        retry_at,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Records the outcome of a pending message and erases its token. Returns `false` if it was not
/// pending.
pub async fn settle(
    tx: &mut TenantTx,
    id: OutboxId,
    status: OutboxStatus,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let settled = sqlx::query!(
        "UPDATE outbox
            SET status = $3, last_error = $4, sealed_token = NULL, retry_at = NULL, updated_at = $5,
                sent_at = CASE WHEN $3 = 'sent' THEN $5::timestamptz END
          WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        status.as_str(),
        error,
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// Reports whether the invitation's current token is the one with that hash.
pub async fn is_current_token(
    tx: &mut TenantTx,
    invitation: InvitationId,
    token_hash: &[u8; 32],
) -> Result<bool> {
    let is_current = sqlx::query_scalar!(
        r#"SELECT token_hash = $3 AS "is_current!" FROM organization_invitations
            WHERE organization_id = $1 AND id = $2"#,
        tx.organization_id().as_uuid(),
        invitation.as_uuid(),
        token_hash.as_slice(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(is_current.unwrap_or(false))
}

/// Returns the ids of an invitation's pending messages that no worker has leased at this time, and
/// locks their jobs.
pub async fn lock_waiting(
    tx: &mut TenantTx,
    invitation: InvitationId,
    now: DateTime<Utc>,
) -> Result<Vec<OutboxId>> {
    let ids = sqlx::query_scalar!(
        "SELECT j.outbox_id FROM outbox_jobs j
           JOIN outbox o ON o.organization_id = $1 AND o.id = j.outbox_id
          WHERE j.organization_id = $1 AND o.invitation_id = $2 AND o.status = 'pending'
            AND (j.taken_until IS NULL OR j.taken_until <= $3)
            FOR UPDATE OF j SKIP LOCKED",
        tx.organization_id().as_uuid(),
        invitation.as_uuid(),
        now,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(OutboxId::from).collect())
}

/// Returns the ids of the failed messages, oldest first.
pub async fn failed(tx: &mut TenantTx) -> Result<Vec<OutboxId>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM outbox WHERE organization_id = $1 AND status = 'failed'
          ORDER BY created_at, id",
        tx.organization_id().as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(OutboxId::from).collect())
}

/// Records that a message is retried immediately.
pub async fn hasten(tx: &mut TenantTx, id: OutboxId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE outbox SET retry_at = NULL, updated_at = $3
          WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
