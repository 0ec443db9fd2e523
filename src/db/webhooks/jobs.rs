//! The queue of the workers: the events to process, by organization and time.

use chrono::{DateTime, Utc};
use sqlx::Executor;
use uuid::Uuid;

use crate::{
    db::{PlatformConn, TenantTx},
    domain::OrganizationId,
    error::Result,
};

/// Returns the next organization after `after` that has a job ready, wrapping around at the end.
/// Organizations take turns, so a flood of events for one does not delay the others. Locks nothing:
/// a job is taken in the scope of its organization, so that the same role locks and writes it.
pub async fn next_organization(
    conn: &mut PlatformConn,
    after: Option<OrganizationId>,
    now: DateTime<Utc>,
) -> Result<Option<OrganizationId>> {
    // The second half is executed only if the first one finds no rows.
    let found = sqlx::query_scalar!(
        r#"(SELECT organization_id AS "organization_id!" FROM webhook_jobs
             WHERE organization_id > $1 AND run_at <= $2 ORDER BY organization_id LIMIT 1)
           UNION ALL
           (SELECT organization_id FROM webhook_jobs
             WHERE run_at <= $2 ORDER BY organization_id LIMIT 1)
           LIMIT 1"#,
        after.map_or(Uuid::nil(), OrganizationId::as_uuid),
        now,
    )
    .fetch_optional(conn.connection())
    .await?;
    Ok(found.map(OrganizationId::from))
}

/// Takes the organization's oldest ready job that is not locked by another worker, and returns its
/// event. The job stays locked until the transaction ends.
pub async fn take(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT event_id FROM webhook_jobs
          WHERE organization_id = $1 AND run_at <= $2
          ORDER BY run_at, event_id LIMIT 1 FOR UPDATE SKIP LOCKED",
        tx.organization_id().as_uuid(),
        now,
    )
    .fetch_optional(tx.connection())
    .await?)
}

/// Starts an attempt, which [`take_back_attempt`] rolls back while its job stays locked.
pub async fn begin_attempt(tx: &mut TenantTx) -> Result<()> {
    tx.connection().execute("SAVEPOINT attempt").await?;
    Ok(())
}

/// Rolls back the changes of the attempt, even after a database error.
pub async fn take_back_attempt(tx: &mut TenantTx) -> Result<()> {
    let undo = "ROLLBACK TO SAVEPOINT attempt";
    tx.connection().execute(undo).await?;
    Ok(())
}

/// Counts the jobs that are ready, and returns the time of the oldest.
pub async fn backlog(
    conn: &mut PlatformConn,
    now: DateTime<Utc>,
) -> Result<(i64, Option<DateTime<Utc>>)> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!", min(run_at) AS since FROM webhook_jobs WHERE run_at <= $1"#,
        now,
    )
    .fetch_one(conn.connection())
    .await?;
    Ok((row.count, row.since))
}

/// Adds an event to the queue, or reschedules it.
pub async fn put(tx: &mut TenantTx, event: Uuid, run_at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO webhook_jobs (organization_id, event_id, run_at) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, event_id) DO UPDATE SET run_at = EXCLUDED.run_at",
        tx.organization_id().as_uuid(),
        event,
        run_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Removes an event from the queue.
pub async fn remove(tx: &mut TenantTx, event: Uuid) -> Result<()> {
    sqlx::query!(
        "DELETE FROM webhook_jobs WHERE organization_id = $1 AND event_id = $2",
        tx.organization_id().as_uuid(),
        event,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
