//! Memberships.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Email, Role, UserId};

/// A user's membership in one organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: Uuid,
    pub user_id: UserId,
    pub email: Email,
    pub name: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}
