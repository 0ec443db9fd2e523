//! The loop of a worker, and what is asked across organizations.

use std::{pin::pin, time::Duration};

use super::{Outcome, Worker, delays::pause};
use crate::{
    db::{
        PlatformConn,
        outbox::jobs::{self, Waiting},
    },
    domain::{Organization, OrganizationId},
    error::Result,
    services::Session,
};

/// Time for which a worker waits before it looks again, where nothing is due.
const IDLE: Duration = Duration::from_secs(2);

/// Works until `stop` completes; what was taken is finished before that. `open` gives a session with
/// the database, anew after each failure of it. Run several side by side to send several messages at
/// once.
pub async fn run<Opening: Future<Output = Result<Session>>>(
    mut worker: Worker,
    open: impl Fn() -> Opening,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut session: Option<Session> = None;
    let mut failures = 0;
    loop {
        let wait = match step(&mut worker, &mut session, &open).await {
            Ok(Some(Outcome::Unavailable(why))) => {
                failures += 1;
                tracing::warn!("mail server unreachable: {why}");
                worker.rest().await;
                pause(failures)
            }
            Ok(Some(outcome)) => {
                failures = 0;
                if let Outcome::Failed(why) | Outcome::PutOff(why) = &outcome {
                    tracing::info!("a message was not taken: {why}");
                }
                Duration::ZERO
            }
            Ok(None) => {
                failures = 0;
                worker.rest().await;
                IDLE
            }
            Err(error) => {
                failures += 1;
                session = None;
                tracing::warn!("the outbox cannot be worked on: {error}");
                pause(failures)
            }
        };
        tokio::select! {
            // Asked to stop first: what is due goes on for ever.
            biased;
            () = &mut stop => break,
            () = tokio::time::sleep(wait) => {}
        }
    }
    worker.rest().await;
}

async fn step<Opening: Future<Output = Result<Session>>>(
    worker: &mut Worker,
    session: &mut Option<Session>,
    open: &impl Fn() -> Opening,
) -> Result<Option<Outcome>> {
    let session = match session {
        Some(session) => session,
        none => none.insert(open().await?),
    };
    let done = worker.work_once(session).await?;
    Ok(done.map(|done| done.outcome))
}

/// Makes everything due at once that waits for a later attempt, of an organization or of all.
///
/// # Errors
/// `Refused` for users: the queue is the platform's.
pub async fn make_due(session: &Session, organization: Option<&Organization>) -> Result<u64> {
    session.require_operator("send what waits in the outbox")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let only: Option<OrganizationId> = organization.map(|organization| organization.id);
    let made = jobs::make_due(&mut conn, only, session.now()).await?;
    conn.commit().await?;
    Ok(made)
}

/// Counts the waiting messages of an organization, or of all.
///
/// # Errors
/// `Refused` for users: the queue is the platform's.
pub async fn waiting(session: &Session, organization: Option<&Organization>) -> Result<Waiting> {
    session.require_operator("see what waits in the outbox")?;
    let mut conn = PlatformConn::open(&session.db)?;
    jobs::waiting(&mut conn, organization.map(|organization| organization.id)).await
}
