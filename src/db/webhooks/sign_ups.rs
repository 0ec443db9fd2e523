//! Confirmed sign-ups, as reported by the identity provider. A table of the platform.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    db::{PlatformConn, table::columns},
    domain::webhook_event::EventStatus,
    error::{Error, Result},
};

/// A reported sign-up.
#[derive(Clone, Debug)]
pub struct SignUpEvent {
    pub id: Uuid,
    pub idempotency_key: String,
    /// The identity provider's id of the user.
    pub user_id: String,
    /// Removed when the sign-up is done.
    pub email: Option<String>,
    pub name: Option<String>,
    pub status: EventStatus,
    pub reason: Option<String>,
    pub attempts: i32,
    pub run_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

columns! {
    ($) select: SignUpEvent;
    "id" "idempotency_key" "user_id" "email" "name" "status" "reason" "attempts" "run_at"
    "received_at" "finished_at"
}

/// Adds a pending sign-up. Returns `false` if it is already known.
pub async fn insert(conn: &mut PlatformConn, event: &SignUpEvent) -> Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO sign_up_events
                (id, idempotency_key, user_id, email, name, status, attempts, run_at, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8) ON CONFLICT (idempotency_key) DO NOTHING",
        event.id,
        event.idempotency_key,
        event.user_id,
        event.email,
        event.name,
        event.status.as_str(),
        event.run_at,
        event.received_at,
    )
    .execute(conn.connection())
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Leases a sign-up that is ready: no other worker takes it until `leased_until`. Processing
/// intentionally uses several transactions, so it cannot run inside the one that took the job.
pub async fn lease(
    conn: &mut PlatformConn,
    now: DateTime<Utc>,
    leased_until: DateTime<Utc>,
) -> Result<Option<SignUpEvent>> {
    sqlx::query_as!(
        SignUpEvent,
        r#"UPDATE sign_up_events SET run_at = $2, attempts = attempts + 1
          WHERE id = (SELECT id FROM sign_up_events
                       WHERE status = 'pending' AND run_at <= $1
                       ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED)
          RETURNING id, idempotency_key, user_id, email, name, status AS "status: _", reason, attempts,
                    run_at, received_at, finished_at"#,
        now,
        leased_until,
    )
    .fetch_optional(conn.connection())
    .await
    .map_err(Error::from)
}

/// Records the outcome of a sign-up. Removes the address of one that is done; `run_at` is the time
/// of the next attempt of a pending one.
pub async fn settle(
    conn: &mut PlatformConn,
    id: Uuid,
    status: EventStatus,
    reason: Option<&str>,
    run_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE sign_up_events
            SET status = $2, reason = $3, run_at = $4, finished_at = $5,
                email = CASE WHEN $2 = 'done' THEN NULL ELSE email END,
                name = CASE WHEN $2 = 'done' THEN NULL ELSE name END
          WHERE id = $1",
        id,
        status.as_str(),
        reason,
        run_at,
        finished_at,
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Finds a sign-up and locks it, so that its status cannot change before a decision based on it is
/// stored.
pub async fn lock(conn: &mut PlatformConn, id: Uuid) -> Result<Option<SignUpEvent>> {
    select!("FROM sign_up_events WHERE id = $1 FOR NO KEY UPDATE", id,)
        .fetch_optional(conn.connection())
        .await
        .map_err(Error::from)
}

/// Restarts a sign-up from the first attempt.
pub async fn restart(conn: &mut PlatformConn, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE sign_up_events
            SET status = 'pending', reason = NULL, attempts = 0, run_at = $2, finished_at = NULL
          WHERE id = $1",
        id,
        now,
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Returns the sign-ups with that status, newest first.
pub async fn list(
    conn: &mut PlatformConn,
    status: Option<EventStatus>,
    limit: Option<i64>,
) -> Result<Vec<SignUpEvent>> {
    select!(
        "FROM sign_up_events WHERE ($1::text IS NULL OR status = $1)
          ORDER BY received_at DESC, id DESC LIMIT $2",
        status.map(EventStatus::as_str),
        limit,
    )
    .fetch_all(conn.connection())
    .await
    .map_err(Error::from)
}
