//! An event, as shown by every command.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::{
    domain::{
        ChannelKind,
        webhook_event::{EventStatus, WebhookEvent},
    },
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    rfc3339,
    services::webhooks::events::EventDetails,
};

/// An event, without its payload.
#[derive(Serialize)]
pub(super) struct EventView {
    pub id: String,
    pub channel: ChannelKind,
    pub kind: String,
    pub status: EventStatus,
    pub reason: Option<String>,
    pub attempts: i32,
    pub endpoint_id: Option<String>,
    pub idempotency_key: String,
    #[serde(with = "rfc3339")]
    pub received_at: DateTime<Utc>,
    #[serde(with = "rfc3339::option")]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl EventView {
    pub(super) fn new(event: WebhookEvent, zone: chrono_tz::Tz) -> Self {
        Self {
            id: event.id.to_string(),
            channel: event.channel,
            kind: event.kind,
            status: event.status,
            reason: event.reason,
            attempts: event.attempts,
            endpoint_id: event.endpoint_id.map(|id| id.to_string()),
            idempotency_key: event.idempotency_key,
            received_at: event.received_at,
            finished_at: event.finished_at,
            zone,
        }
    }

    fn fields(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("Channel", style.bold(self.channel.as_str()))
            .field("Kind", &self.kind)
            .field("Status", status_cell(&style, self.status))
            .optional_field("Reason", self.reason.as_ref())
            .field("Attempts", i64::from(self.attempts))
            .field("Id", &self.id)
            .field("Key", &self.idempotency_key)
            .optional_field("Endpoint", self.endpoint_id.as_ref())
            .field("Received", time(self.received_at))
            .optional_field("Finished", self.finished_at.map(time));
    }
}

impl Record for EventView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "channel",
            "kind",
            "status",
            "reason",
            "attempts",
            "endpoint_id",
            "idempotency_key",
            "received_at",
            "finished_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["RECEIVED", "CHANNEL", "KIND", "STATUS", "ID"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.time(self.received_at, Some(self.zone)).into(),
            self.channel.as_str().into(),
            self.kind.as_str().into(),
            status_cell(style, self.status),
            self.id.as_str().into(),
        ]
    }
}

pub(super) fn status_cell(style: &Style, status: EventStatus) -> Cell {
    match status {
        EventStatus::Done => style.ok(status.as_str()),
        EventStatus::Pending => style.warn(status.as_str()),
        EventStatus::Dead => style.bad(status.as_str()),
        EventStatus::Discarded => style.dim(status.as_str()),
    }
}

/// An event with its payload.
#[derive(Serialize)]
pub(super) struct EventDetailsView {
    #[serde(flatten)]
    event: EventView,
    /// The proof that verified it: the scheme of its signature, or the widget token.
    verified_by: String,
    method: String,
    query: String,
    headers: Value,
    /// The body as text, if it is UTF-8.
    body: Option<String>,
    /// The body in base64.
    body_base64: String,
}

impl From<EventDetails> for EventDetailsView {
    fn from(details: EventDetails) -> Self {
        let body = &details.delivery.body;
        Self {
            verified_by: match details.scheme {
                Some(scheme) => scheme.to_string(),
                None => "widget".to_owned(),
            },
            body: std::str::from_utf8(body).ok().map(str::to_owned),
            body_base64: STANDARD.encode(body),
            method: details.delivery.method,
            query: details.delivery.query,
            headers: details.delivery.headers,
            event: EventView::new(details.event, details.organization.time_zone.tz()),
        }
    }
}

impl View for EventDetailsView {
    fn human(&self, page: &mut Page) {
        self.event.fields(page);
        page.field("Verified", self.verified_by.as_str());
        page.heading(format!("{} {}", self.method, self.query));
        if let Some(headers) = self.headers.as_object() {
            for (name, value) in headers {
                page.field(name, value.as_str().unwrap_or_default());
            }
        }
        page.blank()
            .text(self.body.as_deref().unwrap_or(&self.body_base64));
    }
}

/// An event after a change.
#[derive(Serialize)]
pub(super) struct ChangedEventView {
    #[serde(flatten)]
    pub event: EventView,
    #[serde(skip)]
    pub said: String,
    #[serde(skip)]
    pub next: Vec<Hint>,
}

impl View for ChangedEventView {
    fn human(&self, page: &mut Page) {
        page.line(self.said.as_str());
    }

    fn next(&self) -> Vec<Hint> {
        self.next.clone()
    }
}
