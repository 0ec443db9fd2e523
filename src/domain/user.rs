//! Users: people, who may belong to several organizations.

use chrono::{DateTime, Utc};

use super::{Email, UserId};

/// A person known to the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}
