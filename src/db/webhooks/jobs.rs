//! The queue of the workers: which event of whom is to be processed, and when.

use chrono::{DateTime, Utc};
use sqlx::Executor;
use uuid::Uuid;

use crate::{
    db::{PlatformConn, TenantTx},
    domain::OrganizationId,
    error::Result,
};

/// The organization after `after` that has a job due; behind the last one comes the first. So
/// organizations take turns, and a flood of one does not delay the others. Nothing is locked: a job is
/// taken in the scope of its organization, so that one role locks and writes it.
pub async fn next_organization(
    conn: &mut PlatformConn,
    after: Option<OrganizationId>,
    now: DateTime<Utc>,
) -> Result<Option<OrganizationId>> {
    // The second half is executed only where the first one finds nothing.
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

/// Takes the job of the organization that has been due the longest and that no other worker has;
/// gives its event. It stays taken until the transaction ends.
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

/// What follows is an attempt, which [`take_back_attempt`] undoes while its job stays taken.
pub async fn begin_attempt(tx: &mut TenantTx) -> Result<()> {
    tx.connection().execute("SAVEPOINT attempt").await?;
    Ok(())
}

/// Undoes what the attempt did, also where the database has refused something.
pub async fn take_back_attempt(tx: &mut TenantTx) -> Result<()> {
    let undo = "ROLLBACK TO SAVEPOINT attempt";
    tx.connection().execute(undo).await?;
    Ok(())
}

/// How many jobs are due, and since when the first of them.
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

/// Puts an event into the queue, or moves it there.
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

/// Takes an event out of the queue.
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
