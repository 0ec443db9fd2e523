//! Events of which it is not certain whose they are.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{ChannelKind, OrganizationId, webhook::Scheme};

named_enum! {
    /// Where a quarantined event stands.
    pub enum QuarantineStatus as "quarantine status" {
        Waiting = "waiting", "A person has to look at it.";
        Assigned = "assigned", "It was given to an organization.";
        Discarded = "discarded", "The operator gave it up.";
    }
}

/// A quarantined event without what was sent.
#[derive(Clone, Debug)]
pub struct QuarantinedEvent {
    pub id: Uuid,
    /// At whose endpoint it came in, which does not say whose it is.
    pub endpoint_organization: OrganizationId,
    pub endpoint_id: Uuid,
    pub channel: ChannelKind,
    pub scheme: Scheme,
    pub idempotency_key: String,
    /// In a word of the provider's, such as `call_ended`.
    pub kind: String,
    /// What it names, as `kind value`; empty also where it was received by an older release.
    pub identities: Vec<String>,
    pub status: QuarantineStatus,
    /// Why it is not certain whose it is.
    pub reason: String,
    pub received_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub assigned_organization: Option<OrganizationId>,
}
