//! The workers. Acknowledged events are processed once, by any server.

use std::{panic::AssertUnwindSafe, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::process;
use crate::{
    db::{
        Database, PlatformConn, TenantTx,
        webhooks::{events, jobs},
    },
    domain::{OrganizationId, webhook_event::EventStatus},
    error::{Error, ErrorKind, Result},
    system::{Clock, new_id},
};

/// Maximum number of attempts before an event is marked as dead.
pub const MOST_ATTEMPTS: i32 = 10;
/// Pause after the first attempt. It doubles after each later one, with jitter, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Maximum length of a stored failure reason, in characters.
const LONGEST_REASON: usize = 300;

/// Result of one call of [`work_once`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Worked {
    /// No event is due.
    Nothing,
    /// An event of this organization was processed.
    Done(OrganizationId),
    /// An event failed and will be retried.
    Failed(OrganizationId),
    /// An event failed for the last time.
    Dead(OrganizationId),
}

/// Processes one event that is due, of the next organization after `after`.
///
/// The effects, the status of the event and the deletion of its job are one transaction: after a
/// crash nothing has changed, and the job is available to another worker at once. After a failure,
/// the transaction is rolled back to the savepoint before the processing, and the attempt is
/// counted.
///
/// # Errors
/// `Unavailable` when the connection is lost: no attempt is counted then.
pub async fn work_once(
    db: &Database,
    clock: Clock,
    after: Option<OrganizationId>,
) -> Result<Worked> {
    let Some((mut tx, event)) = take(db, clock.now(), after).await? else {
        return Ok(Worked::Nothing);
    };
    let organization = tx.organization_id();
    jobs::begin_attempt(&mut tx).await?;
    // A panic must not stop the queue: it counts as a failed attempt.
    let processing = process::process(&mut tx, event, clock.now());
    let processed = AssertUnwindSafe(processing).catch_unwind().await;
    let processed = processed
        .unwrap_or_else(|_panic| Err(Error::failure("internal error while processing an event")));
    let worked = match processed {
        Ok(()) => Worked::Done(organization),
        Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
        // The job stays locked until the commit, so that no other worker retries it at once.
        Err(error) => {
            jobs::take_back_attempt(&mut tx).await?;
            record_failure(&mut tx, event, &error, clock.now()).await?
        }
    };
    tx.commit().await?;
    Ok(worked)
}

/// Locks the next job, in the scope of its organization. An organization with all due jobs locked
/// by other workers is skipped.
async fn take(
    db: &Database,
    now: DateTime<Utc>,
    after: Option<OrganizationId>,
) -> Result<Option<(TenantTx, Uuid)>> {
    let mut after = after;
    let mut passed_over = Vec::new();
    loop {
        let mut conn = PlatformConn::open(db)?;
        let next = jobs::next_organization(&mut conn, after, now).await?;
        drop(conn);
        let Some(organization) = next.filter(|next| !passed_over.contains(next)) else {
            return Ok(None);
        };
        let mut tx = TenantTx::begin(db, organization).await?;
        if let Some(event) = jobs::take(&mut tx, now).await? {
            return Ok(Some((tx, event)));
        }
        tx.rollback().await?;
        passed_over.push(organization);
        after = Some(organization);
    }
}

/// Counts a failed attempt and sets the time of the next one, in the transaction that holds the
/// job.
async fn record_failure(
    tx: &mut TenantTx,
    job: Uuid,
    error: &Error,
    now: DateTime<Utc>,
) -> Result<Worked> {
    let organization = tx.organization_id();
    let found = events::lock(tx, job).await?;
    // An event that was discarded in the meantime needs no retry.
    let Some(event) = found.filter(|event| event.status == EventStatus::Pending) else {
        jobs::remove(tx, job).await?;
        return Ok(Worked::Failed(organization));
    };
    let attempts = event.attempts + 1;
    let reason: String = error.to_string().chars().take(LONGEST_REASON).collect();
    let is_dead = attempts >= MOST_ATTEMPTS;
    let (status, finished_at) = match is_dead {
        true => (EventStatus::Dead, Some(now)),
        false => (EventStatus::Pending, None),
    };
    let reason = Some(reason.as_str());
    events::set_status(tx, event.id, status, reason, attempts, finished_at).await?;
    match is_dead {
        true => jobs::remove(tx, event.id).await?,
        false => jobs::put(tx, event.id, now + pause(attempts)).await?,
    }
    tracing::warn!(event = %event.id, attempts, dead = is_dead, "an event was not processed");
    Ok(match is_dead {
        true => Worked::Dead(organization),
        false => Worked::Failed(organization),
    })
}

/// Returns the number of due events.
pub async fn backlog(db: &Database, now: DateTime<Utc>) -> Result<i64> {
    let mut conn = PlatformConn::open(db)?;
    Ok(jobs::backlog(&mut conn, now).await?.0)
}

/// Returns the pause after that many failed attempts.
pub(in crate::services) fn pause(attempts: i32) -> TimeDelta {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(2.0)
        .with_jitter()
        // A random seed spreads the retries of events that failed at the same time.
        .with_jitter_seed(jitter_seed(new_id()))
        .without_max_times();
    let nth = usize::try_from(attempts.max(1) - 1).unwrap_or_default();
    let pause = pauses.build().nth(nth).unwrap_or(LONGEST_PAUSE);
    TimeDelta::from_std(pause).unwrap_or(TimeDelta::minutes(15))
}

fn jitter_seed(id: Uuid) -> u64 {
    id.as_u64_pair().1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let longest = TimeDelta::from_std(LONGEST_PAUSE).unwrap() * 2;
        for attempts in 1..=MOST_ATTEMPTS {
            let least = TimeDelta::seconds(1 << (attempts - 1).min(9));
            let pause = pause(attempts);
            assert!(pause >= least && pause <= longest, "{attempts}: {pause}");
        }
    }
}
