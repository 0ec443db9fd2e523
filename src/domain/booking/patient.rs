//! Patients.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Function, calendar,
    fields::{Given, fields},
    parameters::PatientSearch,
    resource::{Functions, Noun, Resource, noun, resource_columns},
};
use crate::{
    domain::{Email, Locale, PatientId, PhoneNumber},
    error::{Error, Result},
    rfc3339,
};

/// A patient of an organization.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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

fields! {
    /// The fields of a patient that a caller sets.
    pub struct PatientFields of Patient;
    /// First name, in any script.
    first_name: required name, "NAME";
    /// Last name, in any script.
    last_name: required name, "NAME";
    /// Date of birth.
    #[arg(value_parser = calendar::argument)]
    #[serde(deserialize_with = "calendar::optional")]
    birth_date: value NaiveDate, "DATE", "Born";
    /// Phone number, in the organization's national format or in E.164.
    phone: text phone, "NUMBER", "Phone";
    /// Email address.
    email: text email, "EMAIL", "Email";
    /// Language, as a BCP 47 tag such as de-CH.
    language: text language, "TAG", "Language";
    /// Notes. Other users of this machine can see arguments, and the shell keeps them: see --notes-file.
    notes: text notes, "TEXT", "Notes";
    /// ID in the practice's own system; unique in the organization.
    external_id: text name, "ID", "External id";
}

impl Resource for Patient {
    type Id = PatientId;
    type Fields = PatientFields;
    type List = PatientSearch;

    const NOUN: Noun = noun!("a" "patient", "patients");
    const FUNCTIONS: Functions = Functions {
        list: Function::GetAllPatients,
        get: Function::GetPatient,
        create: Function::CreatePatient,
        update: Function::UpdatePatient,
        delete: Function::DeletePatient,
    };

    resource_columns! {}

    fn check(&self, given: &Given<'_>) -> Result<()> {
        let zone = given.organization.time_zone.tz();
        let today = given.now.with_timezone(&zone).date_naive();
        match self.birth_date {
            Some(date) if date > today => Err(Error::bad_input("birth_date is in the future")
                .hint("write year, month and day: 1984-03-09")),
            _ => Ok(()),
        }
    }
}

/// Another patient who may be the same person.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Duplicate {
    pub patient_id: PatientId,
    /// The fields that are equal: `phone`, `email`, `birth_date and last_name`.
    pub same: Vec<String>,
}
