//! Events sent by a provider, as stored.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::ChannelKind;

named_enum! {
    /// The status of an event.
    pub enum EventStatus as "event status" {
        Pending = "pending", "Waits for a worker or its next attempt.";
        Done = "done", "Processed.";
        Dead = "dead", "Every attempt failed.";
        Discarded = "discarded", "Discarded by an operator.";
    }
}

/// An event, without its payload.
#[derive(Clone, Debug)]
pub struct WebhookEvent {
    pub id: Uuid,
    pub channel: ChannelKind,
    /// `None` for events from the widget of the web chat.
    pub endpoint_id: Option<Uuid>,
    pub idempotency_key: String,
    /// The provider's name for it, such as `call_ended`.
    pub kind: String,
    pub status: EventStatus,
    /// The reason why the last attempt failed.
    pub reason: Option<String>,
    pub attempts: i32,
    pub received_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// The payload of an event.
#[derive(Clone)]
pub struct Delivery {
    pub method: String,
    pub query: String,
    /// The stored headers, by lower-case name.
    pub headers: Value,
    pub body: Vec<u8>,
}

/// Bodies are private and must not reach a log.
impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("method", &self.method)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
