//! Leasing of the next message. The lease is committed before anything is sent.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    enqueue::{cancel, settle},
    seal::TokenSeal,
};
use crate::{
    db::{
        self, PlatformConn, TenantTx,
        outbox::{
            jobs::{self, DueJob},
            recipients::{self, Room},
        },
    },
    domain::{
        Invitation, InvitationStatus, InvitationToken, Organization, OrganizationId,
        OrganizationStatus, OutboxMessage, OutboxStatus,
    },
    error::Result,
    services::Session,
};

/// Time for which a message of a suspended organization waits, since the organization may be
/// resumed.
const SUSPENDED: TimeDelta = TimeDelta::minutes(15);

/// Limits of sending.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Maximum number of messages per hour to one address.
    pub recipient_limit: u32,
    /// Maximum number of attempts for a message that the server defers.
    pub max_attempts: u32,
    /// Time after which the message of an unresponsive worker can be leased again. It is longer
    /// than any attempt.
    pub lease: Duration,
}

/// A message that this worker has leased, until the outcome is recorded or the lease expires.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) organization: Organization,
    pub(super) invitation: Invitation,
    pub(super) message: OutboxMessage,
    pub(super) recipient_hash: Vec<u8>,
}

/// Result of leasing the next message.
#[derive(Debug)]
pub(super) enum Taken {
    /// The message is to be sent now.
    ToSend(Box<Leased>, InvitationToken),
    /// The message has its final status: it is obsolete, or was given up.
    Settled(OutboxMessage, OutboxStatus, String),
    /// The message is postponed.
    Waits,
    /// Its token cannot be opened.
    Sealed(Box<Leased>, String),
}

/// Leases the next message that is due, of `only` or of the organization after `cursor`. Returns
/// its organization as well. `None` if nothing is due.
///
/// # Errors
/// `Unavailable` when the connection is lost: nothing was leased then.
pub(super) async fn take(
    session: &Session,
    policy: &Policy,
    seal: &TokenSeal,
    cursor: OrganizationId,
    only: Option<OrganizationId>,
) -> Result<Option<(OrganizationId, Taken)>> {
    let now = session.now();
    let found = match only {
        Some(organization) => take_of(session, organization, now).await?,
        None => take_next(session, cursor, now).await?,
    };
    let Some((tx, job)) = found else {
        return Ok(None);
    };
    let mut conn = tx.leave().await?;
    let room = recipients::reserve(&mut conn, &job, policy.recipient_limit, now).await?;
    let mut tx = conn.enter(job.organization).await?;
    if let Room::NoneUntil(at) = room {
        jobs::postpone(&mut tx, job.message, at).await?;
        tx.commit().await?;
        return Ok(Some((job.organization, Taken::Waits)));
    }
    let taken = decide(session, policy, seal, &mut tx, &job, now).await?;
    if matches!(taken, Taken::ToSend(..) | Taken::Sealed(..)) {
        tx.commit().await?;
    } else {
        let mut conn = tx.leave().await?;
        recipients::release(&mut conn, &job.recipient_hash, job.message).await?;
        conn.commit().await?;
    }
    Ok(Some((job.organization, taken)))
}

/// Locks the oldest job that is due of the organization after `after`, in the order of their ids
/// and starting over at the end. Organizations are thus served in turn, for any number of messages
/// of each. Jobs locked by another worker are skipped.
async fn take_next(
    session: &Session,
    after: OrganizationId,
    now: DateTime<Utc>,
) -> Result<Option<(TenantTx, DueJob)>> {
    let mut from = after;
    let mut is_second_round = false;
    loop {
        let mut conn = PlatformConn::open(&session.db)?;
        let next = jobs::next_organization(&mut conn, from, now).await?;
        drop(conn);
        let Some(organization) = next else {
            if is_second_round {
                return Ok(None);
            }
            is_second_round = true;
            from = Uuid::nil().into();
            continue;
        };
        if is_second_round && organization > after {
            return Ok(None);
        }
        if let Some(taken) = take_of(session, organization, now).await? {
            return Ok(Some(taken));
        }
        from = organization;
    }
}

/// Locks the oldest job of an organization that is due, unless another worker holds it. The lock is
/// taken in the scope in which the job is written.
async fn take_of(
    session: &Session,
    organization: OrganizationId,
    now: DateTime<Utc>,
) -> Result<Option<(TenantTx, DueJob)>> {
    // Not TenantTx::begin: the number of messages to a recipient is data of the platform, and both
    // belong to one transaction.
    let conn = PlatformConn::begin(&session.db).await?;
    let mut tx = conn.enter(organization).await?;
    if let Some(job) = jobs::next_due(&mut tx, now).await? {
        return Ok(Some((tx, job)));
    }
    tx.rollback().await?;
    Ok(None)
}

async fn decide(
    session: &Session,
    policy: &Policy,
    seal: &TokenSeal,
    tx: &mut TenantTx,
    job: &DueJob,
    now: DateTime<Utc>,
) -> Result<Taken> {
    let found = db::outbox::lock(tx, job.message).await?;
    let Some((message, Some(sealed))) = found else {
        // The message is not pending, so its job is not needed.
        jobs::delete(tx, job.message).await?;
        return Ok(Taken::Waits);
    };
    let organization = db::organizations::current(tx).await?;
    let invitation = db::invitations::find(tx, message.invitation_id).await?;
    let (Some(organization), Some(invitation)) = (organization, invitation) else {
        jobs::delete(tx, job.message).await?;
        return Ok(Taken::Waits);
    };
    if let Some(why) = why_over(&invitation, now) {
        return cancelled(session, tx, message, why).await;
    }
    if organization.status != OrganizationStatus::Active {
        jobs::postpone(tx, job.message, now + SUSPENDED).await?;
        return Ok(Taken::Waits);
    }
    // These attempts left no outcome, because their workers died.
    if u32::try_from(message.attempts).is_ok_and(|made| made >= policy.max_attempts) {
        let why = format!("given up after {} attempts", message.attempts);
        jobs::delete(tx, job.message).await?;
        settle(session, tx, &message, OutboxStatus::Failed, Some(&why)).await?;
        return Ok(Taken::Settled(message, OutboxStatus::Failed, why));
    }
    let token = seal.open(organization.id, invitation.id, &sealed);
    if let Ok(token) = &token
        && !db::outbox::is_current_token(tx, invitation.id, &token.hash()).await?
    {
        return cancelled(session, tx, message, SUPERSEDED).await;
    }
    db::outbox::begin_attempt(tx, message.id, now).await?;
    jobs::take(tx, message.id, now + policy.lease).await?;
    let leased = Box::new(Leased {
        message: OutboxMessage {
            attempts: message.attempts + 1,
            ..message
        },
        organization,
        invitation,
        recipient_hash: job.recipient_hash.clone(),
    });
    Ok(match token {
        Ok(token) => Taken::ToSend(leased, token),
        Err(error) => Taken::Sealed(leased, error.to_string()),
    })
}

/// Reason for cancelling a message with a link that was replaced.
pub(in crate::services) const SUPERSEDED: &str = "a newer link was issued";
/// Reason for cancelling a message with an invitation that was revoked.
pub(in crate::services) const REVOKED: &str = "the invitation was revoked";
/// Reason for cancelling a message with an invitation that was accepted.
pub(in crate::services) const ACCEPTED: &str = "the invitation was accepted";

/// Returns the reason an invitation is no longer pending, or `None` if it is.
fn why_over(invitation: &Invitation, now: DateTime<Utc>) -> Option<&'static str> {
    match invitation.status_at(now) {
        InvitationStatus::Pending => None,
        InvitationStatus::Accepted => Some(ACCEPTED),
        InvitationStatus::Revoked => Some(REVOKED),
        InvitationStatus::Expired => Some("the invitation has expired"),
    }
}

async fn cancelled(
    session: &Session,
    tx: &mut TenantTx,
    message: OutboxMessage,
    why: &str,
) -> Result<Taken> {
    jobs::delete(tx, message.id).await?;
    cancel(session, tx, &message, why).await?;
    let status = OutboxStatus::Cancelled;
    Ok(Taken::Settled(message, status, why.to_owned()))
}
