//! Quarantined events: a table of the platform. Tenants have no access to it.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::events::{NewPart, Origin};
use crate::{
    db::{PlatformConn, table::columns},
    domain::{
        ChannelKind, OrganizationId,
        quarantine::{QuarantineStatus, QuarantinedEvent},
        webhook::Scheme,
        webhook_event::Delivery,
    },
    error::{Error, Result},
};

/// One of the events of a request to be quarantined.
#[derive(Debug)]
pub struct Doubtful {
    pub part: NewPart,
    /// The identities in the event, as `kind value`.
    pub identities: Vec<String>,
    pub reason: String,
}

/// Stores events of one request to an endpoint of that organization, in the order of their keys, so
/// that two requests with the same parts do not deadlock. Returns the number of new ones. One of
/// the few writes of a server to the platform's tables.
pub async fn insert(
    conn: &mut PlatformConn,
    organization: OrganizationId,
    (endpoint, scheme): (Uuid, Scheme),
    origin: &Origin,
    doubtful: Vec<Doubtful>,
) -> Result<u64> {
    let number = doubtful.len();
    let mut ids = Vec::with_capacity(number);
    let mut keys = Vec::with_capacity(number);
    let mut kinds = Vec::with_capacity(number);
    let mut bodies = Vec::with_capacity(number);
    let mut names = Vec::with_capacity(number);
    let mut reasons = Vec::with_capacity(number);
    for one in doubtful {
        ids.push(one.part.id);
        keys.push(one.part.idempotency_key);
        kinds.push(one.part.kind);
        bodies.push(one.part.body);
        // The identities in an event contain no control characters.
        names.push(one.identities.join("\n"));
        reasons.push(one.reason);
    }
    let inserted = sqlx::query!(
        "INSERT INTO quarantined_events
                (id, endpoint_organization, endpoint_id, channel, scheme, idempotency_key, kind, identities,
                 method, query, headers, body, status, reason, received_at)
         SELECT p.id, $1, $2, $3, $4, p.key, p.kind, string_to_array(p.names, E'\\n'), $5, $6, $7, p.body,
                'waiting', p.reason, $8
           FROM unnest($9::uuid[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::text[])
                p (id, key, kind, body, names, reason)
          ORDER BY p.key
         ON CONFLICT (endpoint_organization, channel, idempotency_key) DO NOTHING",
        organization.as_uuid(),
        endpoint,
        origin.channel.as_str(),
        scheme.as_str(),
        origin.method,
        origin.query,
        origin.headers,
        origin.received_at,
        &ids,
        &keys,
        &kinds,
        &bodies,
        &names,
        &reasons,
    )
    .execute(conn.connection())
    .await?;
    Ok(inserted.rows_affected())
}

columns! {
    ($) select: QuarantinedEvent;
    "id" "endpoint_organization" "endpoint_id" "channel" "scheme" "idempotency_key" "kind"
    "identities" "status" "reason" "received_at" "finished_at" "assigned_organization"
}

/// Filter for [`list`].
#[derive(Clone, Debug, Default)]
pub struct QuarantineFilter {
    pub status: Option<QuarantineStatus>,
    pub channel: Option<ChannelKind>,
    /// The organization of the endpoint that received them.
    pub endpoint_organization: Option<OrganizationId>,
    /// `None` for all.
    pub limit: Option<i64>,
}

/// Returns the matching events, newest first, without their contents.
pub async fn list(
    conn: &mut PlatformConn,
    filter: &QuarantineFilter,
) -> Result<Vec<QuarantinedEvent>> {
    select!(
        "FROM quarantined_events
          WHERE ($1::text IS NULL OR status = $1)
            AND ($2::text IS NULL OR channel = $2)
            AND ($3::uuid IS NULL OR endpoint_organization = $3)
          ORDER BY received_at DESC, id DESC LIMIT $4",
        filter.status.map(QuarantineStatus::as_str),
        filter.channel.map(ChannelKind::as_str),
        filter.endpoint_organization.map(OrganizationId::as_uuid),
        filter.limit,
    )
    .fetch_all(conn.connection())
    .await
    .map_err(Error::from)
}

/// Finds an event with its contents and locks it, so that its status cannot change before a
/// decision based on it is stored.
pub async fn lock(
    conn: &mut PlatformConn,
    id: Uuid,
) -> Result<Option<(QuarantinedEvent, Delivery)>> {
    let event = select!(
        "FROM quarantined_events WHERE id = $1 FOR NO KEY UPDATE",
        id,
    )
    .fetch_optional(conn.connection())
    .await?;
    let Some(event) = event else {
        return Ok(None);
    };
    let delivery = sqlx::query_as!(
        Delivery,
        "SELECT method, query, headers, body FROM quarantined_events WHERE id = $1",
        id,
    )
    .fetch_one(conn.connection())
    .await?;
    Ok(Some((event, delivery)))
}

/// Records the outcome of an event and removes its contents: they now belong to a tenant or are
/// discarded. The row is kept, so that a repeated delivery is recognized.
pub async fn settle(
    conn: &mut PlatformConn,
    id: Uuid,
    status: QuarantineStatus,
    assigned: Option<OrganizationId>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE quarantined_events
            SET status = $2, assigned_organization = $3, finished_at = $4,
                query = '', headers = $5, body = ''
          WHERE id = $1",
        id,
        status.as_str(),
        assigned.map(OrganizationId::as_uuid),
        now,
        json!({}),
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Counts the pending events, and returns the time of the oldest.
pub async fn waiting(conn: &mut PlatformConn) -> Result<(i64, Option<DateTime<Utc>>)> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!", min(received_at) AS since
             FROM quarantined_events WHERE status = 'waiting'"#,
    )
    .fetch_one(conn.connection())
    .await?;
    Ok((row.count, row.since))
}
