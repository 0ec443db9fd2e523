//! Messages waiting to be mailed, and their status.

use chrono::{DateTime, Utc};

use super::{Email, InvitationId, Locale, OutboxId};

named_enum! {
    /// The kind of a message.
    pub enum MessageKind as "kind of message" {
        Invitation = "invitation", "Invites a person to an organization.";
    }
}

named_enum! {
    /// The status of a message.
    pub enum OutboxStatus as "message status" {
        Pending = "pending", "Waits to be sent or retried.";
        Sent = "sent", "Accepted by the mail server.";
        Failed = "failed", "Rejected by the mail server, or deferred too often.";
        Cancelled = "cancelled", "No longer needed before it was sent.";
    }
}

/// A message of an organization. It does not contain the token of its link.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxMessage {
    pub id: OutboxId,
    pub kind: MessageKind,
    pub invitation_id: InvitationId,
    pub recipient: Email,
    /// The organization's locale when the message was created.
    pub locale: Locale,
    pub status: OutboxStatus,
    /// Number of delivery attempts.
    pub attempts: i32,
    /// The last reason for not sending it.
    pub last_error: Option<String>,
    /// The time of the next attempt, after a failed one.
    pub retry_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
}
