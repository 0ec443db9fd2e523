//! Taking the next message: what is decided about it is committed before anything is sent.

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

/// Time for which a message of a suspended organization waits: it may be resumed.
const SUSPENDED: TimeDelta = TimeDelta::minutes(15);

/// The rules of sending.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Messages an hour to one address.
    pub recipient_limit: u32,
    /// Attempts before a message is given up that the server puts off.
    pub max_attempts: u32,
    /// Time for which a worker that is not heard of keeps its message: longer than any attempt takes.
    pub lease: Duration,
}

/// A message that this worker has, until the outcome is recorded or the lease is over.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) organization: Organization,
    pub(super) invitation: Invitation,
    pub(super) message: OutboxMessage,
    pub(super) recipient_hash: Vec<u8>,
}

/// Outcome of the next message.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is to be sent, now.
    ToSend(Box<Leased>, InvitationToken),
    /// It is dealt with: what it tells of is over, or it was given up.
    Settled(OutboxMessage, OutboxStatus, String),
    /// It waits on.
    Waits,
    /// Its token cannot be opened.
    Sealed(Box<Leased>, String),
}

/// Takes the next message that is due, of `only` or of the organization after `cursor`. Gives whose
/// it is, too. `None`: nothing is due.
///
/// # Errors
/// `Unavailable` when the connection is lost: then nothing was taken.
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

/// Locks the job that is due: of the organization after `after`, in the order of their ids and round
/// again, its oldest. So organizations take turns, whatever the number of messages of each. Jobs that
/// another worker holds are passed over.
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

/// Locks the oldest job of an organization that is due, unless another worker holds it. It is locked in
/// the scope in which it is written.
async fn take_of(
    session: &Session,
    organization: OrganizationId,
    now: DateTime<Utc>,
) -> Result<Option<(TenantTx, DueJob)>> {
    // Not TenantTx::begin: how often the recipient was written to is the platform's to know, and both
    // are one transaction.
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
        // Not pending any more: nothing is left to do.
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
    // Attempts that ended without a word: whoever made them died.
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

/// Text for a message whose link was replaced.
pub(in crate::services) const SUPERSEDED: &str = "a newer link was issued";
/// Text for a message whose invitation was taken back.
pub(in crate::services) const REVOKED: &str = "the invitation was revoked";
/// Text for a message whose invitation was accepted.
pub(in crate::services) const ACCEPTED: &str = "the invitation was accepted";

/// The reason there is nothing left to invite to.
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
