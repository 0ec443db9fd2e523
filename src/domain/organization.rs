//! Organizations: the tenants.

use chrono::{DateTime, Utc};

use super::{Locale, OrganizationId, Slug, TimeZone};

/// A tenant of the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    pub id: OrganizationId,
    pub slug: Slug,
    pub name: String,
    pub status: OrganizationStatus,
    pub time_zone: TimeZone,
    pub locale: Locale,
    /// Domains that an invited address must belong to; empty for any.
    pub allowed_email_domains: Vec<String>,
    /// Number of changes: an update based on an older version is refused.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub suspended_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
    /// The time from which a deleted organization may be purged.
    pub purge_after: Option<DateTime<Utc>>,
}

named_enum! {
    /// The status of an organization.
    pub enum OrganizationStatus as "organization status" {
        Active = "active", "In use.";
        Suspended = "suspended", "Its users have no access and its channels are inactive; the operator still has access.";
        Deleted = "deleted", "To be purged; can be restored until then.";
    }
}
