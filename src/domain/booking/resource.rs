//! Bookable resources: providers and operatories.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::{Email, OperatoryId, PhoneNumber, ProviderId, rfc3339};

/// A person who treats patients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Provider {
    pub id: ProviderId,
    /// The id in the practice's own system; unique in the organization.
    pub external_id: Option<String>,
    pub name: String,
    pub specialty: Option<String>,
    pub email: Option<Email>,
    pub phone: Option<PhoneNumber>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    pub archived_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

/// A room or chair in which patients are treated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operatory {
    pub id: OperatoryId,
    /// The id in the practice's own system; unique in the organization.
    pub external_id: Option<String>,
    pub name: String,
    pub notes: Option<String>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    pub archived_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}
