//! Events as they were received.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{TenantTx, stored, table::columns},
    domain::{
        ChannelKind,
        webhook::Scheme,
        webhook_event::{Delivery, EventStatus, WebhookEvent},
    },
    error::{Error, Result},
};

/// A newly received event.
#[derive(Debug)]
pub struct NewEvent {
    pub id: Uuid,
    pub channel: ChannelKind,
    pub endpoint_id: Option<Uuid>,
    pub idempotency_key: String,
    pub kind: String,
    pub delivery: Delivery,
    /// The scheme that authenticated it, if it is not that of its endpoint: the endpoint is another
    /// organization's.
    pub scheme: Option<Scheme>,
    pub received_at: DateTime<Utc>,
}

/// Stores an event and its job in the same statement, so that an acknowledged event is always
/// processed. Returns `false` for an event with a known key, which is not stored again.
pub async fn insert(tx: &mut TenantTx, event: &NewEvent) -> Result<bool> {
    let inserted = sqlx::query_scalar!(
        r#"WITH event AS (
               INSERT INTO webhook_events
                      (organization_id, id, channel, endpoint_id, idempotency_key, kind, method, query,
                       headers, body, scheme, status, received_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending', $12)
               ON CONFLICT (organization_id, channel, idempotency_key) DO NOTHING
               RETURNING id),
           job AS (
               INSERT INTO webhook_jobs (organization_id, event_id, run_at)
               SELECT $1, id, $12 FROM event)
           SELECT count(*) AS "count!" FROM event"#,
        tx.organization_id().as_uuid(),
        event.id,
        event.channel.as_str(),
        event.endpoint_id,
        event.idempotency_key,
        event.kind,
        event.delivery.method,
        event.delivery.query,
        event.delivery.headers,
        event.delivery.body,
        event.scheme.map(Scheme::as_str),
        event.received_at,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(inserted > 0)
}

/// The properties shared by the events of a request.
#[derive(Debug)]
pub struct Origin {
    pub channel: ChannelKind,
    pub endpoint_id: Option<Uuid>,
    pub method: &'static str,
    pub query: String,
    /// The stored headers, by name in lower case.
    pub headers: Value,
    pub received_at: DateTime<Utc>,
}

/// One of the events of a request.
#[derive(Debug)]
pub struct NewPart {
    pub id: Uuid,
    pub idempotency_key: String,
    pub kind: String,
    pub body: Vec<u8>,
}

impl Origin {
    /// Returns the event of a request that contains only one.
    pub fn alone(&self, part: NewPart) -> NewEvent {
        NewEvent {
            id: part.id,
            channel: self.channel,
            endpoint_id: self.endpoint_id,
            idempotency_key: part.idempotency_key,
            kind: part.kind,
            delivery: Delivery {
                method: self.method.to_owned(),
                query: self.query.clone(),
                headers: self.headers.clone(),
                body: part.body,
            },
            scheme: None,
            received_at: self.received_at,
        }
    }
}

/// Like [`insert`], for any number of parts of one request in a single statement: Meta sends
/// thousands. Returns the number of new ones. They are stored in the order of their keys, so that
/// two requests with the same parts do not deadlock.
pub async fn insert_parts(tx: &mut TenantTx, origin: &Origin, parts: Vec<NewPart>) -> Result<u64> {
    let number = parts.len();
    let mut ids = Vec::with_capacity(number);
    let mut keys = Vec::with_capacity(number);
    let mut kinds = Vec::with_capacity(number);
    let mut bodies = Vec::with_capacity(number);
    for part in parts {
        ids.push(part.id);
        keys.push(part.idempotency_key);
        kinds.push(part.kind);
        bodies.push(part.body);
    }
    let inserted = sqlx::query_scalar!(
        r#"WITH event AS (
               INSERT INTO webhook_events
                      (organization_id, id, channel, endpoint_id, idempotency_key, kind, method, query,
                       headers, body, status, received_at)
               SELECT $1, p.id, $2, $3, p.key, p.kind, $4, $5, $6, p.body, 'pending', $7
                 FROM unnest($8::uuid[], $9::text[], $10::text[], $11::bytea[]) p (id, key, kind, body)
                ORDER BY p.key
               ON CONFLICT (organization_id, channel, idempotency_key) DO NOTHING
               RETURNING id),
           job AS (
               INSERT INTO webhook_jobs (organization_id, event_id, run_at)
               SELECT $1, id, $7 FROM event)
           SELECT count(*) AS "count!" FROM event"#,
        tx.organization_id().as_uuid(),
        origin.channel.as_str(),
        origin.endpoint_id,
        origin.method,
        origin.query,
        origin.headers,
        origin.received_at,
        &ids,
        &keys,
        &kinds,
        &bodies,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(u64::try_from(inserted).unwrap_or_default())
}

columns! {
    ($) select: WebhookEvent;
    "id" "channel" "endpoint_id" "idempotency_key" "kind" "status" "reason" "attempts"
    "received_at" "finished_at"
}

/// Filter for [`list`].
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub status: Option<EventStatus>,
    pub channel: Option<ChannelKind>,
    pub endpoint: Option<Uuid>,
    /// Only events received before this one.
    pub before: Option<(DateTime<Utc>, Uuid)>,
    /// `None` for all.
    pub limit: Option<i64>,
}

/// Returns the matching events, newest first, without their contents.
pub async fn list(tx: &mut TenantTx, filter: &EventFilter) -> Result<Vec<WebhookEvent>> {
    select!(
        "FROM webhook_events
          WHERE organization_id = $1
            AND ($2::text IS NULL OR status = $2)
            AND ($3::text IS NULL OR channel = $3)
            AND ($4::uuid IS NULL OR endpoint_id = $4)
            AND ($5::timestamptz IS NULL OR (received_at, id) < ($5, $6::uuid))
          ORDER BY received_at DESC, id DESC LIMIT $7",
        tx.organization_id().as_uuid(),
        filter.status.map(EventStatus::as_str),
        filter.channel.map(ChannelKind::as_str),
        filter.endpoint,
        filter.before.map(|(at, _)| at),
        filter.before.map(|(_, id)| id),
        filter.limit,
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds an event and locks it, so that its status cannot change before a decision based on it is
/// stored.
pub async fn lock(tx: &mut TenantTx, id: Uuid) -> Result<Option<WebhookEvent>> {
    select!(
        "FROM webhook_events WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tx.organization_id().as_uuid(),
        id,
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds an event.
pub async fn find(tx: &mut TenantTx, id: Uuid) -> Result<Option<WebhookEvent>> {
    select!(
        "FROM webhook_events WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id,
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Returns the contents of an event and the scheme that authenticated it; `None` for the token of
/// the web chat.
///
/// # Errors
/// `NotFound` if the event does not exist.
pub async fn delivery(tx: &mut TenantTx, id: Uuid) -> Result<(Delivery, Option<Scheme>)> {
    let row = sqlx::query!(
        r#"SELECT v.method, v.query, v.headers AS "headers: Value", v.body, coalesce(v.scheme, e.scheme) AS scheme
             FROM webhook_events v
             LEFT JOIN webhook_endpoints e
                    ON e.organization_id = v.organization_id AND e.id = v.endpoint_id
            WHERE v.organization_id = $1 AND v.id = $2"#,
        tx.organization_id().as_uuid(),
        id,
    )
    .fetch_optional(tx.connection())
    .await?
    .ok_or_else(|| Error::not_found(format!("event {id} not found")))?;
    let scheme = row.scheme.map(|scheme| scheme.parse()).transpose();
    let delivery = Delivery {
        method: row.method,
        query: row.query,
        headers: row.headers,
        body: row.body,
    };
    Ok((delivery, stored("webhook_endpoints.scheme", scheme)?))
}

/// Changes the status of an event.
pub async fn set_status(
    tx: &mut TenantTx,
    id: Uuid,
    status: EventStatus,
    reason: Option<&str>,
    attempts: i32,
    finished_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_events SET status = $3, reason = $4, attempts = $5, finished_at = $6
          WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id,
        status.as_str(),
        reason,
        attempts,
        finished_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
