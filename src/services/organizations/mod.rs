//! Organizations: create, look up, update, suspend and resume, delete and restore.

mod change;
mod create;
mod look_up;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub use change::{
    Changed, OrganizationPatch, Restored, Retention, before_delete, delete, restore, resume,
    suspend, update,
};
pub use create::{CreatedOrganization, FirstOwner, NewOrganization, create};
pub use look_up::{Details, list, resolve, show, slugs};
pub(super) use {
    change::update_in,
    create::{create_in, create_where_none, fresh},
};

use crate::{
    domain::{Member, Organization, Role, User},
    system::new_id,
};

/// Builds a new membership of that user.
pub(super) fn member_of(user: &User, role: Role, now: DateTime<Utc>) -> Member {
    Member {
        id: new_id(),
        user_id: user.id,
        email: user.email.clone(),
        name: user.name.clone(),
        role,
        created_at: now,
        updated_at: now,
    }
}

/// Returns the data of an organization for the activity log.
pub(super) fn snapshot(organization: &Organization) -> Value {
    json!({
        "slug": organization.slug,
        "name": organization.name,
        "status": organization.status,
        "time_zone": organization.time_zone,
        "locale": organization.locale,
        "allowed_email_domains": organization.allowed_email_domains,
        "purge_after": organization.purge_after,
    })
}
