//! Retries of waiting or failed messages at the caller's request.

use super::{change, require};
use crate::{
    db::{self, outbox::jobs},
    domain::{
        InvitationStatus, OrganizationId, OutboxId, OutboxMessage, OutboxStatus, Permission,
        organization::Organization,
    },
    error::{Error, Result},
    run,
    services::{
        Scope, Session,
        invitations::{renew_token, require_active, require_allowed_domain},
    },
};

/// Messages that are due again.
#[derive(Clone, Debug)]
pub struct Retried {
    pub organization: Organization,
    pub messages: Vec<OutboxMessage>,
    /// Failed messages that are obsolete, with the reason.
    pub passed_over: Vec<(OutboxMessage, String)>,
}

/// Makes messages due now: those that wait for a later attempt, and those that failed. The
/// invitations of the latter get a new link, because the old one is not stored.
///
/// # Errors
/// `Conflict` for a message that was sent or cancelled, or with an invitation that is no longer
/// pending; `Refused` if the caller may not resend the invitation.
pub async fn retry(
    session: &Session,
    organization: OrganizationId,
    which: &[String],
) -> Result<Retried> {
    let mut scope = session
        .write(organization, Permission::MembersInvite)
        .await?;
    let mut messages = Vec::with_capacity(which.len());
    for one in which {
        let id = require(&mut scope, one).await?.id;
        messages.push(retry_one(session, &mut scope, id).await?);
    }
    finish(scope, messages, Vec::new()).await
}

/// Retries all failed messages, like [`retry`]. Obsolete messages are skipped.
///
/// # Errors
/// `Refused` if the caller may not resend one of the invitations.
pub async fn retry_failed(session: &Session, organization: OrganizationId) -> Result<Retried> {
    let mut scope = session
        .write(organization, Permission::MembersInvite)
        .await?;
    let (mut messages, mut passed_over) = (Vec::new(), Vec::new());
    for id in db::outbox::failed(&mut scope.tx).await? {
        match retry_one(session, &mut scope, id).await {
            Ok(message) => messages.push(message),
            Err(error) if error.kind() == crate::error::ErrorKind::Conflict => {
                if let Some(message) = db::outbox::find(&mut scope.tx, id).await? {
                    passed_over.push((message, error.to_string()));
                }
            }
            Err(error) => return Err(error),
        }
    }
    finish(scope, messages, passed_over).await
}

async fn finish(
    scope: Scope,
    messages: Vec<OutboxMessage>,
    passed_over: Vec<(OutboxMessage, String)>,
) -> Result<Retried> {
    scope.tx.commit().await?;
    Ok(Retried {
        organization: scope.organization,
        messages,
        passed_over,
    })
}

async fn retry_one(session: &Session, scope: &mut Scope, id: OutboxId) -> Result<OutboxMessage> {
    // The job is locked first: see db::outbox.
    let job = jobs::lock(&mut scope.tx, id).await?;
    let Some((before, _)) = db::outbox::lock(&mut scope.tx, id).await? else {
        return Err(Error::not_found("message not found"));
    };
    match before.status {
        OutboxStatus::Pending => {
            let is_taken = job.flatten().is_some_and(|until| until > session.now());
            if is_taken {
                return Err(being_sent(&before));
            }
            if job.is_none() {
                let now = session.now();
                jobs::insert(&mut scope.tx, id, &before.recipient, now).await?;
            }
            hasten(session, scope, &before).await?;
        }
        OutboxStatus::Failed => renew(session, scope, &before).await?,
        OutboxStatus::Sent | OutboxStatus::Cancelled => {
            return Err(over(scope, &before));
        }
    }
    let after = db::outbox::find(&mut scope.tx, id).await?;
    let after = after.ok_or_else(|| Error::not_found("message not found"))?;
    let entry = session.entry(change("outbox.retry", &before, &after));
    db::activity::append(&mut scope.tx, entry).await?;
    Ok(after)
}

async fn hasten(session: &Session, scope: &mut Scope, message: &OutboxMessage) -> Result<()> {
    let now = session.now();
    jobs::postpone(&mut scope.tx, message.id, now).await?;
    db::outbox::hasten(&mut scope.tx, message.id, now).await
}

/// Renews the invitation of a failed message. The message has no token anymore, so the invitation
/// gets a new one, with the same expiry.
async fn renew(session: &Session, scope: &mut Scope, message: &OutboxMessage) -> Result<()> {
    let Some(seal) = &session.mail else {
        return Err(Error::conflict("no mail server is configured").hint(
            run!["config", "path"]
                .labeled("set smtp_host in the section [mail] of the configuration file"),
        ));
    };
    require_active(&scope.organization)?;
    let found = db::invitations::lock(&mut scope.tx, message.invitation_id).await?;
    let invitation =
        found.filter(|invitation| invitation.status_at(session.now()) == InvitationStatus::Pending);
    let Some(invitation) = invitation else {
        let recipient = &message.recipient;
        let slug = &scope.organization.slug;
        return Err(Error::conflict(format!(
            "the invitation of {recipient} to {slug} is no longer pending"
        ))
        .hint(run!["invite", "show", recipient, "--org", slug].labeled("show the invitation")));
    };
    scope.require_may_grant(session, invitation.role)?;
    require_allowed_domain(&scope.organization, &invitation.email)?;
    let expires_at = invitation.expires_at;
    let issued = renew_token(session, &mut scope.tx, &invitation, expires_at).await?;
    let sealed = seal.seal(invitation.id.as_uuid(), &issued.token)?;
    db::outbox::renew(&mut scope.tx, message, &sealed, session.now()).await
}

fn being_sent(message: &OutboxMessage) -> Error {
    let id = message.id;
    Error::conflict(format!("message {id} is being sent"))
        .hint(run!["outbox", "show", id].labeled("show the result"))
}

fn over(scope: &Scope, message: &OutboxMessage) -> Error {
    let (id, status, recipient) = (message.id, message.status, &message.recipient);
    let slug = &scope.organization.slug;
    Error::conflict(format!("message {id} to {recipient} is {status}"))
        .hint(run!["invite", "resend", recipient, "--org", slug].labeled("mail a new link"))
}
