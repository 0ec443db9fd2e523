//! Recording of the outcome of a message.

use super::{
    delays::retry_at,
    enqueue::settle,
    lease::{Leased, Policy},
};
use crate::{
    db::{
        self, PlatformConn,
        outbox::{jobs, recipients},
    },
    domain::OutboxStatus,
    error::Result,
    mail::Failure,
    services::{Session, outbox::Outcome},
};

/// Records the outcome of an attempt: the message is sent, has failed, or is to be retried.
///
/// If the lease has expired and another worker has leased the message, a success is still recorded;
/// a failure is ignored.
///
/// # Errors
/// `Unavailable` when the connection is lost: the outcome can be recorded again.
pub(super) async fn record(
    session: &Session,
    policy: &Policy,
    leased: &Leased,
    attempt: &Result<(), Failure>,
) -> Result<Outcome> {
    let now = session.now();
    let Leased {
        message,
        organization,
        recipient_hash,
        ..
    } = leased;
    let conn = PlatformConn::begin(&session.db).await?;
    let mut tx = conn.enter(organization.id).await?;
    // The job is locked first: see db::outbox.
    jobs::lock(&mut tx, message.id).await?;
    let current = db::outbox::lock(&mut tx, message.id).await?;
    let is_ours = current.as_ref().is_some_and(|(now, _)| {
        now.attempts == message.attempts && now.status == OutboxStatus::Pending
    });
    let failure = match attempt {
        Ok(()) => {
            jobs::delete(&mut tx, message.id).await?;
            settle(session, &mut tx, message, OutboxStatus::Sent, None).await?;
            tx.commit().await?;
            return Ok(Outcome::Sent);
        }
        Err(failure) => failure,
    };
    if !is_ours {
        tx.rollback().await?;
        return Ok(Outcome::Waits);
    }
    let why = failure.text();
    let is_last = u32::try_from(message.attempts).is_ok_and(|made| made >= policy.max_attempts);
    let outcome = match failure {
        Failure::Permanent(_) => Outcome::Failed(why.to_owned()),
        Failure::Transient(_) if is_last => Outcome::Failed(format!(
            "given up after {} attempts: {why}",
            message.attempts
        )),
        Failure::Transient(_) => Outcome::PutOff(why.to_owned()),
        Failure::Unavailable(_) => Outcome::Unavailable(why.to_owned()),
    };
    match &outcome {
        Outcome::Failed(why) => {
            jobs::delete(&mut tx, message.id).await?;
            settle(session, &mut tx, message, OutboxStatus::Failed, Some(why)).await?;
        }
        _ => {
            // An attempt that failed before the message was transferred does not count.
            let attempts = match failure {
                Failure::Unavailable(_) => message.attempts - 1,
                _ => message.attempts,
            };
            let at = retry_at(message.id, attempts, now);
            db::outbox::put_off(&mut tx, message.id, attempts, why, at, now).await?;
            jobs::postpone(&mut tx, message.id, at).await?;
        }
    }
    let mut conn = tx.leave().await?;
    recipients::release(&mut conn, recipient_hash, message.id).await?;
    conn.commit().await?;
    Ok(outcome)
}
