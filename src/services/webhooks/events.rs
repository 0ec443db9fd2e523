//! Listing, showing, replaying and discarding received events.

use serde_json::json;
use uuid::Uuid;

use crate::{
    db::webhooks::{
        events::{self, EventFilter},
        jobs,
    },
    domain::{
        Organization, OrganizationId, Permission,
        webhook::Scheme,
        webhook_event::{Delivery, EventStatus, WebhookEvent},
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
};

/// Returns a page of events, newest first, without their payloads.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
    filter: &EventFilter,
) -> Result<Vec<WebhookEvent>> {
    let mut scope = session.read(organization, Permission::WebhooksRead).await?;
    events::list(&mut scope.tx, filter).await
}

/// An event with its payload.
#[derive(Clone, Debug)]
pub struct EventDetails {
    pub organization: Organization,
    pub event: WebhookEvent,
    pub delivery: Delivery,
    /// The scheme by which it was verified; `None` for the token of the web chat.
    pub scheme: Option<Scheme>,
}

/// Returns an event with its payload.
///
/// The payload may contain a patient's data, so access is logged in the activity log before it is
/// shown.
///
/// # Errors
/// `NotFound`; the errors of [`Session::read`].
pub async fn show(
    session: &Session,
    organization: OrganizationId,
    id: Uuid,
) -> Result<EventDetails> {
    let mut scope = session
        .write_any_status(organization, Permission::WebhooksRead)
        .await?;
    let event = events::find(&mut scope.tx, id).await?;
    let event = event.ok_or_else(|| unknown(&scope, id))?;
    let (delivery, scheme) = events::delivery(&mut scope.tx, id).await?;
    let organization = scope.organization.clone();
    scope
        .finish(session, change("webhook_event.read", id, None, None))
        .await?;
    Ok(EventDetails {
        organization,
        event,
        delivery,
        scheme,
    })
}

/// Queues an event again, in any status but waiting. Processing an event twice has no further
/// effect.
///
/// # Errors
/// `NotFound`; `Conflict` if it is already waiting; the errors of [`Session::write`].
pub async fn replay(
    session: &Session,
    organization: OrganizationId,
    id: Uuid,
) -> Result<(Organization, WebhookEvent)> {
    let mut scope = session
        .write(organization, Permission::WebhooksManage)
        .await?;
    let before = lock(&mut scope, id).await?;
    if before.status == EventStatus::Pending {
        return Err(Error::conflict(format!("event {id} is already waiting"))
            .hint(run!["serve"].labeled("start a worker to process it")));
    }
    events::set_status(&mut scope.tx, id, EventStatus::Pending, None, 0, None).await?;
    jobs::put(&mut scope.tx, id, session.now()).await?;
    let after = WebhookEvent {
        status: EventStatus::Pending,
        reason: None,
        attempts: 0,
        finished_at: None,
        ..before.clone()
    };
    settle(session, scope, "webhook_event.replay", &before, after).await
}

/// Discards an event: it is kept but never processed.
///
/// # Errors
/// `NotFound`; `Conflict` if it was processed already; the errors of [`Session::write`].
pub async fn discard(
    session: &Session,
    organization: OrganizationId,
    id: Uuid,
) -> Result<(Organization, WebhookEvent)> {
    let mut scope = session
        .write(organization, Permission::WebhooksManage)
        .await?;
    // The job is locked before the event, in the same order as by the workers, to prevent
    // deadlocks.
    jobs::remove(&mut scope.tx, id).await?;
    let before = lock(&mut scope, id).await?;
    if matches!(before.status, EventStatus::Done | EventStatus::Discarded) {
        return Err(Error::conflict(format!(
            "event {id} cannot be discarded: it is {}",
            before.status
        )));
    }
    let after = WebhookEvent {
        status: EventStatus::Discarded,
        finished_at: Some(session.now()),
        ..before.clone()
    };
    events::set_status(
        &mut scope.tx,
        id,
        after.status,
        after.reason.as_deref(),
        after.attempts,
        after.finished_at,
    )
    .await?;
    settle(session, scope, "webhook_event.discard", &before, after).await
}

async fn lock(scope: &mut Scope, id: Uuid) -> Result<WebhookEvent> {
    let found = events::lock(&mut scope.tx, id).await?;
    found.ok_or_else(|| unknown(scope, id))
}

fn unknown(scope: &Scope, id: Uuid) -> Error {
    let slug = &scope.organization.slug;
    Error::not_found(format!("webhook event {id} of {slug} not found"))
        .hint(run!["webhook", "events", "list", "--org", slug].labeled("list the events"))
}

async fn settle(
    session: &Session,
    scope: Scope,
    action: &'static str,
    before: &WebhookEvent,
    after: WebhookEvent,
) -> Result<(Organization, WebhookEvent)> {
    let organization = scope.organization.clone();
    let change = change(action, after.id, Some(before.status), Some(after.status));
    scope.finish(session, change).await?;
    Ok((organization, after))
}

fn change(
    action: &'static str,
    id: Uuid,
    before: Option<EventStatus>,
    after: Option<EventStatus>,
) -> Change {
    let status = |status: EventStatus| json!({ "status": status });
    Change {
        action,
        object_type: "webhook_event",
        object_id: id.to_string(),
        before: before.map(status),
        after: after.map(status),
    }
}
