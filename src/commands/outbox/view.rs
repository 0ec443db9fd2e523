//! A message, as shown by every command.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    domain::{Organization, OutboxMessage, OutboxStatus, outbox::MessageKind},
    output::{Cell, Page, Record, Style},
    rfc3339,
};

#[derive(Serialize)]
pub(super) struct MessageView {
    pub id: String,
    pub kind: MessageKind,
    pub recipient: String,
    pub status: OutboxStatus,
    attempts: i32,
    /// The last error, if the message was not sent.
    error: Option<String>,
    invitation_id: String,
    locale: String,
    /// Time of the next attempt after a failed one.
    #[serde(with = "rfc3339::option")]
    retry_at: Option<DateTime<Utc>>,
    #[serde(with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    updated_at: DateTime<Utc>,
    #[serde(with = "rfc3339::option")]
    sent_at: Option<DateTime<Utc>>,
    /// The organization's time zone, for human-readable times.
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl MessageView {
    pub fn new(message: OutboxMessage, organization: &Organization) -> Self {
        Self {
            id: message.id.to_string(),
            kind: message.kind,
            recipient: message.recipient.to_string(),
            status: message.status,
            attempts: message.attempts,
            error: message.last_error,
            invitation_id: message.invitation_id.to_string(),
            locale: message.locale.to_string(),
            retry_at: message.retry_at,
            created_at: message.created_at,
            updated_at: message.updated_at,
            sent_at: message.sent_at,
            zone: organization.time_zone.tz(),
        }
    }

    /// Writes all details as fields.
    pub fn fields(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("To", style.bold(&self.recipient))
            .field("Status", status_cell(&style, self.status))
            .field("Id", &self.id)
            .field("Kind", self.kind.as_str())
            .field("Invitation", &self.invitation_id)
            .field("Language", &self.locale)
            .field("Attempts", self.attempts)
            .optional_field("Error", self.error.as_ref())
            .field("Created", time(self.created_at))
            .optional_field("Next attempt", self.retry_at.map(time))
            .optional_field("Sent", self.sent_at.map(time));
    }
}

impl Record for MessageView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "kind",
            "recipient",
            "status",
            "attempts",
            "error",
            "invitation_id",
            "locale",
            "retry_at",
            "created_at",
            "updated_at",
            "sent_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["TO", "KIND", "STATUS", "ATTEMPTS", "CREATED", "ERROR"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(&self.recipient),
            self.kind.as_str().into(),
            status_cell(style, self.status),
            self.attempts.into(),
            style.time(self.created_at, Some(self.zone)).into(),
            self.error.as_deref().unwrap_or_default().into(),
        ]
    }
}

fn status_cell(style: &Style, status: OutboxStatus) -> Cell {
    match status {
        OutboxStatus::Pending => style.warn(status.as_str()),
        OutboxStatus::Sent => style.ok(status.as_str()),
        OutboxStatus::Failed => style.bad(status.as_str()),
        OutboxStatus::Cancelled => style.dim(status.as_str()),
    }
}
