//! The outbox. Messages are written in the transaction of the change that they announce, sent by a
//! worker, and their outcome is recorded.
//!
//! ```text
//! enqueue ──→ outbox, outbox_jobs ──→ lease (committed) ──→ SMTP ──→ record (committed)
//! ```
//!
//! If a worker dies between lease and record, the job is leased again after the lease has expired.
//! No message is lost; one that the server has accepted already is sent again with the same
//! Message-ID.

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

/// Returns the matching messages of an organization, newest first.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
    filter: &OutboxFilter,
) -> Result<Vec<OutboxMessage>> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    db::outbox::list(&mut scope.tx, filter).await
}

/// Returns a message by id, or the newest one to an address.
///
/// # Errors
/// `NotFound`; the errors of [`Session::read`].
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
        Error::not_found(format!("message {which} of {slug} not found"))
            .hint(run!["outbox", "list", "--all", "--org", slug].labeled("list the messages"))
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
