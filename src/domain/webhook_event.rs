//! What a provider sent, as it is kept.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::ChannelKind;

named_enum! {
    /// Where an event stands.
    pub enum EventStatus as "event status" {
        Pending = "pending", "It waits for a worker, or for its next attempt.";
        Done = "done", "It had its effect.";
        Dead = "dead", "Every attempt failed.";
        Discarded = "discarded", "An operator gave it up.";
    }
}

/// An event without what was sent.
#[derive(Clone, Debug)]
pub struct WebhookEvent {
    pub id: Uuid,
    pub channel: ChannelKind,
    /// `None`: from the widget of the web chat.
    pub endpoint_id: Option<Uuid>,
    pub idempotency_key: String,
    /// In a word of the provider's, such as `call_ended`.
    pub kind: String,
    pub status: EventStatus,
    /// What the last attempt failed of.
    pub reason: Option<String>,
    pub attempts: i32,
    pub received_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// What was sent.
#[derive(Clone)]
pub struct Delivery {
    pub method: String,
    pub query: String,
    /// Those that are kept, by name in lower case.
    pub headers: Value,
    pub body: Vec<u8>,
}

/// Bodies are private, and never reach a log.
impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("method", &self.method)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
