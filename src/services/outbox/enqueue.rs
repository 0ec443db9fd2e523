//! Queuing and cancellation of messages, in the transaction of the change.

use super::change;
use crate::{
    db::{self, TenantTx, outbox::NewMessage},
    domain::{Invitation, InvitationId, InvitationToken, OutboxId, OutboxMessage, OutboxStatus},
    error::Result,
    services::Session,
    system::new_id,
};

/// Queues a message about an invitation if invitations are mailed. Returns the id of the message.
pub(in crate::services) async fn enqueue(
    session: &Session,
    tx: &mut TenantTx,
    invitation: &Invitation,
    token: &InvitationToken,
) -> Result<Option<OutboxId>> {
    let Some(seal) = &session.mail else {
        return Ok(None);
    };
    let id = new_id().into();
    let sealed = seal.seal(invitation.id.as_uuid(), token)?;
    let new = NewMessage {
        id,
        invitation_id: invitation.id,
        recipient: &invitation.email,
        sealed_token: &sealed,
        now: session.now(),
    };
    db::outbox::insert(tx, &new).await?;
    Ok(Some(id))
}

/// Cancels the pending messages about an invitation, for that reason. A message that a worker is
/// sending at this moment is not waited for: its link is no longer valid.
pub(in crate::services) async fn cancel_waiting(
    session: &Session,
    tx: &mut TenantTx,
    invitation: InvitationId,
    why: &str,
) -> Result<()> {
    let now = session.now();
    for id in db::outbox::lock_waiting(tx, invitation, now).await? {
        db::outbox::jobs::delete(tx, id).await?;
        if let Some((before, _)) = db::outbox::lock(tx, id).await? {
            cancel(session, tx, &before, why).await?;
        }
    }
    Ok(())
}

/// Marks a pending message as cancelled and writes its activity entry. The caller deletes the job.
pub(super) async fn cancel(
    session: &Session,
    tx: &mut TenantTx,
    before: &OutboxMessage,
    why: &str,
) -> Result<()> {
    settle(session, tx, before, OutboxStatus::Cancelled, Some(why)).await
}

/// Records the final status of a pending message and writes its activity entry.
pub(super) async fn settle(
    session: &Session,
    tx: &mut TenantTx,
    before: &OutboxMessage,
    status: OutboxStatus,
    why: Option<&str>,
) -> Result<()> {
    let now = session.now();
    if !db::outbox::settle(tx, before.id, status, why, now).await? {
        return Ok(());
    }
    let action = match status {
        OutboxStatus::Sent => "outbox.send",
        OutboxStatus::Cancelled => "outbox.cancel",
        OutboxStatus::Failed | OutboxStatus::Pending => "outbox.fail",
    };
    let after = OutboxMessage {
        status,
        last_error: why.map(str::to_owned),
        retry_at: None,
        updated_at: now,
        sent_at: (status == OutboxStatus::Sent).then_some(now),
        ..before.clone()
    };
    let entry = session.entry(change(action, before, &after));
    db::activity::append(tx, entry).await
}
