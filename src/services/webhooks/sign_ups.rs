//! Confirmed users reported by the identity provider. Each is signed up once.

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::work::{MOST_ATTEMPTS, pause};
use crate::{
    db::{
        self, PlatformConn,
        webhooks::sign_ups::{self, SignUpEvent},
    },
    domain::{
        Email, Locale, TimeZone, UserId,
        webhook::{Parsed, Verified},
        webhook_event::EventStatus,
    },
    error::{Error, ErrorKind, Result},
    run,
    services::{
        Session,
        activity::Change,
        users::{self, SignUp},
    },
    system::new_id,
};

/// Time for which no other worker processes a sign-up, which takes several transactions.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// Stores a confirmed user to be signed up. `false` if the event confirms no user or was stored
/// before.
///
/// Only the user's id and confirmed address are used: data that users can change themselves
/// (`user_metadata`) must not determine the organization or the role.
///
/// # Errors
/// `Unavailable` when the database cannot be reached: the request must then not be acknowledged.
pub async fn receive(session: &Session, parsed: &Parsed, verified: &Verified<'_>) -> Result<bool> {
    let Parsed::Standard(event) = parsed else {
        return Ok(false);
    };
    let Some(user) = event.confirmed_user() else {
        return Ok(false);
    };
    let now = session.now();
    let stored = SignUpEvent {
        id: new_id(),
        idempotency_key: event.dedup_key(verified),
        user_id: user.id.to_string(),
        email: Some(user.email.to_string()),
        name: None,
        status: EventStatus::Pending,
        reason: None,
        attempts: 0,
        run_at: now,
        received_at: now,
        finished_at: None,
    };
    let mut conn = PlatformConn::begin(&session.db).await?;
    let is_new = sign_ups::insert(&mut conn, &stored).await?;
    conn.commit().await?;
    Ok(is_new)
}

/// Signs up the next waiting user. `false` if none is waiting.
pub async fn work_once(session: &Session) -> Result<bool> {
    let now = session.now();
    let mut conn = PlatformConn::begin(&session.db).await?;
    let leased = sign_ups::lease(&mut conn, now, now + LEASE).await?;
    conn.commit().await?;
    let Some(event) = leased else {
        return Ok(false);
    };
    let signed_up = match read(&event) {
        Ok(sign_up) => users::sign_up(session, &sign_up).await.map(|_| ()),
        Err(error) => Err(error),
    };
    let now = session.now();
    let (status, reason, run_at, finished_at) = match signed_up {
        Ok(()) => (EventStatus::Done, None, now, Some(now)),
        Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
        Err(error) if event.attempts >= MOST_ATTEMPTS => {
            (EventStatus::Dead, Some(error.to_string()), now, Some(now))
        }
        Err(error) => {
            let run_at = now + pause(event.attempts);
            (EventStatus::Pending, Some(error.to_string()), run_at, None)
        }
    };
    let mut conn = PlatformConn::begin(&session.db).await?;
    let reason = reason.as_deref();
    sign_ups::settle(&mut conn, event.id, status, reason, run_at, finished_at).await?;
    conn.commit().await?;
    Ok(true)
}

/// Returns the sign-ups with that status, newest first.
///
/// # Errors
/// `Refused` for users: sign-ups belong to the platform.
pub async fn list(
    session: &Session,
    status: Option<EventStatus>,
    limit: Option<i64>,
) -> Result<Vec<SignUpEvent>> {
    session.require_operator("list the reported sign-ups")?;
    let mut conn = PlatformConn::open(&session.db)?;
    sign_ups::list(&mut conn, status, limit).await
}

/// Queues a sign-up that failed permanently again, starting with the first attempt.
///
/// # Errors
/// `NotFound`; `Conflict` if it is waiting or done; `Refused` for users.
pub async fn replay(session: &Session, id: Uuid) -> Result<SignUpEvent> {
    let is_over = [EventStatus::Dead, EventStatus::Discarded];
    let (mut conn, before) = lock(session, id, &is_over, "replayed").await?;
    let now = session.now();
    sign_ups::restart(&mut conn, id, now).await?;
    let after = SignUpEvent {
        status: EventStatus::Pending,
        reason: None,
        attempts: 0,
        run_at: now,
        finished_at: None,
        ..before.clone()
    };
    finish(session, conn, "sign_up_event.replay", &before, after).await
}

/// Discards a sign-up.
///
/// # Errors
/// `NotFound`; `Conflict` if it is done or was discarded already; `Refused` for users.
pub async fn discard(session: &Session, id: Uuid) -> Result<SignUpEvent> {
    let waits = [EventStatus::Pending, EventStatus::Dead];
    let (mut conn, before) = lock(session, id, &waits, "discarded").await?;
    let now = session.now();
    let reason = before.reason.as_deref();
    let status = EventStatus::Discarded;
    sign_ups::settle(&mut conn, id, status, reason, now, Some(now)).await?;
    let after = SignUpEvent {
        status,
        finished_at: Some(now),
        ..before.clone()
    };
    finish(session, conn, "sign_up_event.discard", &before, after).await
}

async fn lock(
    session: &Session,
    id: Uuid,
    allowed: &[EventStatus],
    verb: &str,
) -> Result<(PlatformConn, SignUpEvent)> {
    session.require_operator("change the reported sign-ups")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let found = sign_ups::lock(&mut conn, id).await?;
    let event = found.ok_or_else(|| {
        Error::not_found(format!("sign-up {id} not found"))
            .hint(run!["webhook", "sign-ups", "list"].labeled("list the sign-ups"))
    })?;
    if !allowed.contains(&event.status) {
        let status = event.status;
        let message = format!("sign-up {id} cannot be {verb}: it is {status}");
        return Err(Error::conflict(message));
    }
    Ok((conn, event))
}

async fn finish(
    session: &Session,
    mut conn: PlatformConn,
    action: &'static str,
    before: &SignUpEvent,
    after: SignUpEvent,
) -> Result<SignUpEvent> {
    let change = Change {
        action,
        object_type: "sign_up_event",
        object_id: after.id.to_string(),
        before: Some(json!({ "status": before.status })),
        after: Some(json!({ "status": after.status })),
    };
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    conn.commit().await?;
    Ok(after)
}

fn read(event: &SignUpEvent) -> Result<SignUp> {
    let email = event.email.as_deref().unwrap_or_default();
    let email: Email = email.parse()?;
    let id: UserId = event.user_id.parse()?;
    let name = email
        .as_str()
        .split('@')
        .next()
        .unwrap_or_default()
        .to_owned();
    Ok(SignUp {
        name,
        email,
        id: Some(id),
        time_zone: TimeZone::UTC,
        locale: "en"
            .parse::<Locale>()
            .map_err(|_| Error::failure("the language is not valid"))?,
    })
}
