//! Patients.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::domain::{Email, Locale, PatientId, PhoneNumber, rfc3339};

/// A patient of an organization.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Patient {
    pub id: PatientId,
    /// The id in the practice's own system; unique in the organization.
    pub external_id: Option<String>,
    pub first_name: String,
    pub last_name: String,
    pub birth_date: Option<NaiveDate>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<Email>,
    pub language: Option<Locale>,
    pub notes: Option<String>,
    #[serde(serialize_with = "rfc3339::option::serialize")]
    pub archived_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

impl Patient {
    /// The names of the fields in which two states differ, in order: the activity log keeps only
    /// these for a change, so that a patient can be erased without breaking its chain.
    pub fn changed_fields(&self, other: &Self) -> Vec<&'static str> {
        [
            ("external_id", self.external_id != other.external_id),
            ("first_name", self.first_name != other.first_name),
            ("last_name", self.last_name != other.last_name),
            ("birth_date", self.birth_date != other.birth_date),
            ("phone", self.phone != other.phone),
            ("email", self.email != other.email),
            ("language", self.language != other.language),
            ("notes", self.notes != other.notes),
            ("archived_at", self.archived_at != other.archived_at),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }

    /// The fields that have a value.
    pub fn filled_fields(&self) -> Vec<&'static str> {
        [
            ("external_id", self.external_id.is_some()),
            ("first_name", true),
            ("last_name", true),
            ("birth_date", self.birth_date.is_some()),
            ("phone", self.phone.is_some()),
            ("email", self.email.is_some()),
            ("language", self.language.is_some()),
            ("notes", self.notes.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, filled)| filled.then_some(field))
        .collect()
    }
}

/// Another patient who may be the same person.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Duplicate {
    pub patient_id: PatientId,
    /// The fields that are equal: `phone`, `email`, `birth_date and last_name`.
    pub same: Vec<String>,
}
