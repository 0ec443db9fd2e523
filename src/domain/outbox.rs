//! Messages that wait to be mailed, and what became of them.

use chrono::{DateTime, Utc};

use super::{Email, InvitationId, Locale, OutboxId};

named_enum! {
    /// What a message is.
    pub enum MessageKind as "kind of message" {
        Invitation = "invitation", "Invites somebody to an organization.";
    }
}

named_enum! {
    /// Where a message stands.
    pub enum OutboxStatus as "message status" {
        Pending = "pending", "Waits to be sent, or to be tried again.";
        Sent = "sent", "The mail server has taken it.";
        Failed = "failed", "The mail server refused it, or put it off too often.";
        Cancelled = "cancelled", "What it tells of was over before it was sent.";
    }
}

/// A message of an organization. The token of its link is not part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxMessage {
    pub id: OutboxId,
    pub kind: MessageKind,
    pub invitation_id: InvitationId,
    pub recipient: Email,
    /// The organization's when the message was written.
    pub locale: Locale,
    pub status: OutboxStatus,
    /// How often the mail server was asked to take it.
    pub attempts: i32,
    /// Why it was not sent, so far or at all.
    pub last_error: Option<String>,
    /// When it is tried again, after an attempt that failed.
    pub retry_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
}
