//! The queue of messages to send, and the leases of the workers.

use crate::{
    db::{PlatformConn, TenantTx},
    domain::{Email, OrganizationId, OutboxId},
    error::Result,
};
use chrono::{DateTime, Utc};

/// A message that is ready to send, locked until the end of the transaction.
#[derive(Clone, Debug)]
pub struct DueJob {
    pub organization: OrganizationId,
    pub message: OutboxId,
    pub recipient_hash: Vec<u8>,
}

/// Adds the job that sends a message.
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

/// Returns the organization with the next greater id that has a job ready. Steps from one
/// organization to the next along the index, so the cost depends on the number of organizations,
/// not of jobs.
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

/// Returns the organization's oldest job that is ready and not locked by another worker.
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

/// Leases a job to a worker until `until`: if the worker fails, the job becomes ready again then.
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

/// Locks a job until the end of the transaction. Returns whether it exists, and until when a worker
/// has leased it.
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

/// Releases a job, to run again at `run_at`.
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

/// Removes the job of a finished message.
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

/// Makes all jobs ready that no worker has leased, of an organization or of all organizations.
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

/// The pending messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    pub messages: u64,
    /// Time at which the first of them is ready to send.
    pub next_at: Option<DateTime<Utc>>,
}

/// Counts the pending messages, and returns when the first of them is ready to send.
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
