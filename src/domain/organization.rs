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
    /// Domains that an invited address must be of; empty: any.
    pub allowed_email_domains: Vec<String>,
    /// Counts the changes: an update that started from an older version is refused.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub suspended_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
    /// When a deleted organization may be purged.
    pub purge_after: Option<DateTime<Utc>>,
}

named_enum! {
    /// Whether an organization may be worked with.
    pub enum OrganizationStatus as "organization status" {
        Active = "active", "In use.";
        Suspended = "suspended", "Its users are shut out and its channels silent; the operator still works with it.";
        Deleted = "deleted", "Waits for its purge; can be restored until then.";
    }
}
