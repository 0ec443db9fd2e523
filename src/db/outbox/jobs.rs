//! The queue: which message is next, whose it is, and who has it.

use crate::{
    db::{PlatformConn, TenantTx},
    domain::{Email, OrganizationId, OutboxId},
    error::Result,
};
use chrono::{DateTime, Utc};

/// A message that is due, locked until the end of the transaction.
#[derive(Clone, Debug)]
pub struct DueJob {
    pub organization: OrganizationId,
    pub message: OutboxId,
    pub recipient_hash: Vec<u8>,
}

/// Adds the job to send a message.
pub async fn insert(
    tx: &mut TenantTx,
    message: OutboxId,
    recipient: &Email,
    run_at: DateTime<Utc>,
) -> Result<()> {
    let recipient_hash = recipient.lookup_hash();
    sqlx::query!(
        "INSERT INTO outbox_jobs (organization_id, outbox_id, recipient_hash, run_at)
         VALUES ($1, $2, $3, $4)",
        tx.organization_id().as_uuid(),
        message.as_uuid(),
        recipient_hash.as_slice(),
        run_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The organization with the next greater id that has something due. Steps from one organization to
/// the next along the index, so that it takes as long as there are organizations, not jobs.
pub async fn next_organization(
    conn: &mut PlatformConn,
    after: OrganizationId,
    now: DateTime<Utc>,
) -> Result<Option<OrganizationId>> {
    let found = sqlx::query_scalar!(
        r#"WITH RECURSIVE oldest AS (
               (SELECT organization_id, run_at FROM outbox_jobs
                 WHERE organization_id > $1 ORDER BY organization_id, run_at LIMIT 1)
               UNION ALL
               SELECT n.organization_id, n.run_at FROM oldest o
                CROSS JOIN LATERAL (
                    SELECT j.organization_id, j.run_at FROM outbox_jobs j
                     WHERE j.organization_id > o.organization_id
                     ORDER BY j.organization_id, j.run_at LIMIT 1) n)
           SELECT organization_id AS "organization_id!" FROM oldest WHERE run_at <= $2 LIMIT 1"#,
        after.as_uuid(),
        now,
    )
    .fetch_optional(conn.connection())
    .await?;
    Ok(found.map(OrganizationId::from))
}

/// The oldest job of the organization that is due and that no other worker holds.
pub async fn next_due(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Option<DueJob>> {
    let organization = tx.organization_id();
    let found = sqlx::query!(
        "SELECT outbox_id, recipient_hash FROM outbox_jobs
          WHERE organization_id = $1 AND run_at <= $2
          ORDER BY run_at, outbox_id LIMIT 1 FOR UPDATE SKIP LOCKED",
        organization.as_uuid(),
        now,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found.map(|row| DueJob {
        organization,
        message: row.outbox_id.into(),
        recipient_hash: row.recipient_hash,
    }))
}

/// Gives a job to a worker until `until`: should it never be heard of again, the job is due then.
pub async fn take(tx: &mut TenantTx, message: OutboxId, until: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE outbox_jobs SET run_at = $3, taken_until = $3
          WHERE organization_id = $1 AND outbox_id = $2",
        tx.organization_id().as_uuid(),
        message.as_uuid(),
        until,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A job locked until the end of the transaction; whether it is there, and until when a worker has
/// it.
pub async fn lock(tx: &mut TenantTx, message: OutboxId) -> Result<Option<Option<DateTime<Utc>>>> {
    let taken_until = sqlx::query_scalar!(
        "SELECT taken_until FROM outbox_jobs
          WHERE organization_id = $1 AND outbox_id = $2 FOR UPDATE",
        tx.organization_id().as_uuid(),
        message.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(taken_until)
}

/// Gives a job back, to be due at `run_at`.
pub async fn postpone(tx: &mut TenantTx, message: OutboxId, run_at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE outbox_jobs SET run_at = $3, taken_until = NULL
          WHERE organization_id = $1 AND outbox_id = $2",
        tx.organization_id().as_uuid(),
        message.as_uuid(),
        run_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Removes the job of a message that is dealt with.
pub async fn delete(tx: &mut TenantTx, message: OutboxId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM outbox_jobs WHERE organization_id = $1 AND outbox_id = $2",
        tx.organization_id().as_uuid(),
        message.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Makes everything due that no worker has: of an organization, or of all.
pub async fn make_due(
    conn: &mut PlatformConn,
    organization: Option<OrganizationId>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let made = sqlx::query!(
        "UPDATE outbox_jobs SET run_at = $2
          WHERE ($1::uuid IS NULL OR organization_id = $1) AND run_at > $2
            AND (taken_until IS NULL OR taken_until <= $2)",
        organization.map(OrganizationId::as_uuid),
        now,
    )
    .execute(conn.connection())
    .await?;
    Ok(made.rows_affected())
}

/// What waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    pub messages: u64,
    /// When the first of them is due.
    pub next_at: Option<DateTime<Utc>>,
}

/// How many messages wait, and when the first of them is due.
pub async fn waiting(
    conn: &mut PlatformConn,
    organization: Option<OrganizationId>,
) -> Result<Waiting> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "messages!", min(run_at) AS next_at FROM outbox_jobs
            WHERE $1::uuid IS NULL OR organization_id = $1"#,
        organization.map(OrganizationId::as_uuid),
    )
    .fetch_one(conn.connection())
    .await?;
    Ok(Waiting {
        messages: row.messages.cast_unsigned(),
        next_at: row.next_at,
    })
}
