//! The outbox: messages are written in the transaction of what they tell of, sent by a worker, and
//! their outcome is recorded.
//!
//! ```text
//! enqueue ──→ outbox, outbox_jobs ──→ lease (committed) ──→ SMTP ──→ record (committed)
//! ```
//!
//! A worker that dies between lease and record leaves the job to be taken again once the lease is
//! over: nothing is lost, and what the server may have taken already comes with the same Message-ID.

mod delays;
mod enqueue;
mod lease;
mod record;
mod retry;
mod run;
mod seal;
mod worker;

use serde_json::{Value, json};

pub(super) use enqueue::{cancel_waiting, enqueue};
pub use lease::Policy;
pub(super) use lease::{ACCEPTED, REVOKED, SUPERSEDED};
pub use retry::{Retried, retry, retry_failed};
pub use run::{make_due, run, waiting};
pub(super) use seal::SEALED_FOR;
pub use seal::TokenSeal;
pub use worker::{Done, Outcome, Worker};

use crate::{
    db::{self, outbox::OutboxFilter},
    domain::{OrganizationId, OutboxId, OutboxMessage, Permission},
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
};

/// The messages of an organization that match, newest first.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
    filter: &OutboxFilter,
) -> Result<Vec<OutboxMessage>> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    db::outbox::list(&mut scope.tx, filter).await
}

/// One message, by id or by the address it is to (the newest).
///
/// # Errors
/// `NotFound`, and as [`Session::read`].
pub async fn show(
    session: &Session,
    organization: OrganizationId,
    which: &str,
) -> Result<OutboxMessage> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    require(&mut scope, which).await
}

async fn require(scope: &mut Scope, which: &str) -> Result<OutboxMessage> {
    let found = match which.parse::<OutboxId>() {
        Ok(id) => db::outbox::find(&mut scope.tx, id).await?,
        Err(_) => db::outbox::find_by_recipient(&mut scope.tx, &which.parse()?).await?,
    };
    found.ok_or_else(|| {
        let slug = &scope.organization.slug;
        Error::not_found(format!("{slug} has no message {which}"))
            .hint(run!["outbox", "list", "--all", "--org", slug].labeled("list them"))
    })
}

fn change(action: &'static str, before: &OutboxMessage, after: &OutboxMessage) -> Change {
    Change {
        action,
        object_type: "message",
        object_id: before.id.to_string(),
        before: Some(snapshot(before)),
        after: Some(snapshot(after)),
    }
}

fn snapshot(message: &OutboxMessage) -> Value {
    json!({
        "kind": message.kind,
        "recipient": message.recipient,
        "invitation": message.invitation_id,
        "status": message.status,
        "attempts": message.attempts,
        "error": message.last_error,
    })
}
