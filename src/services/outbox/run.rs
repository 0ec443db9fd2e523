//! The loop of a worker, and operations across organizations.

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

/// Time between two checks while nothing is due.
const IDLE: Duration = Duration::from_secs(2);

/// Runs a worker until `stop` completes, and finishes the message it has leased before that. `open`
/// opens a session, and again after each failure of the database. Several workers may run
/// concurrently.
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
                    tracing::info!("a message was not accepted: {why}");
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
                tracing::warn!("could not process the outbox: {error}");
                pause(failures)
            }
        };
        tokio::select! {
            // `stop` is polled first, because messages may always be due.
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

/// Makes all waiting messages due now, of an organization or of all organizations.
///
/// # Errors
/// `Refused` for users: the queue belongs to the platform.
pub async fn make_due(session: &Session, organization: Option<&Organization>) -> Result<u64> {
    session.require_operator("send the messages in the outbox")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let only: Option<OrganizationId> = organization.map(|organization| organization.id);
    let made = jobs::make_due(&mut conn, only, session.now()).await?;
    conn.commit().await?;
    Ok(made)
}

/// Counts the waiting messages of an organization, or of all.
///
/// # Errors
/// `Refused` for users: the queue belongs to the platform.
pub async fn waiting(session: &Session, organization: Option<&Organization>) -> Result<Waiting> {
    session.require_operator("see the messages in the outbox")?;
    let mut conn = PlatformConn::open(&session.db)?;
    jobs::waiting(&mut conn, organization.map(|organization| organization.id)).await
}
