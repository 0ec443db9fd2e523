//! Events that cannot be assigned to an organization with certainty.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{ChannelKind, OrganizationId, webhook::Scheme};

named_enum! {
    /// The status of a quarantined event.
    pub enum QuarantineStatus as "quarantine status" {
        Waiting = "waiting", "Waits for a decision by the operator.";
        Assigned = "assigned", "Assigned to an organization.";
        Discarded = "discarded", "Discarded by the operator.";
    }
}

/// A quarantined event, without its payload.
#[derive(Clone, Debug)]
pub struct QuarantinedEvent {
    pub id: Uuid,
    /// The organization of the endpoint that received it, not necessarily its owner.
    pub endpoint_organization: OrganizationId,
    pub endpoint_id: Uuid,
    pub channel: ChannelKind,
    pub scheme: Scheme,
    pub idempotency_key: String,
    /// The provider's name for it, such as `call_ended`.
    pub kind: String,
    /// The identities it names, as `kind value`; also empty if an older release received it.
    pub identities: Vec<String>,
    pub status: QuarantineStatus,
    /// The reason why the organization is uncertain.
    pub reason: String,
    pub received_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub assigned_organization: Option<OrganizationId>,
}
