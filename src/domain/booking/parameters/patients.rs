//! Parameters of the functions on patients.

use chrono::NaiveDate;

use super::{Patch, parameters, patch};
use crate::domain::{
    PatientId,
    booking::{PageMark, calendar},
};

parameters! {
    /// Parameters of GetAllPatients.
    #[derive(Default)]
    pub struct GetAllPatients {
        /// Prefixes of name parts, in any order, ignoring case and accents: "mar mull".
        pub search: Option<String>,
        /// The telephone number, as written in the organization's region or in E.164.
        pub phone: Option<String>,
        /// The date of birth.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub birth_date: Option<NaiveDate>,
        /// The e-mail address.
        pub email: Option<String>,
        /// Include archived patients.
        #[serde(default)]
        pub include_archived: bool,
        /// Patients per page, 1 to 1000; default 50.
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// The end of the previous page: its `next_after`.
        pub after: Option<PageMark>,
    }

    /// Parameters of GetMultiplePatients: at least one id in either list.
    pub struct GetMultiplePatients {
        /// Up to 1000 ids.
        #[serde(default)]
        #[schemars(length(max = 1000))]
        pub patient_ids: Vec<PatientId>,
        /// Up to 1000 ids in the practice's own system.
        #[serde(default)]
        #[schemars(length(max = 1000))]
        pub external_ids: Vec<String>,
    }

    /// Parameters of GetPatient.
    pub struct GetPatient {
        pub patient_id: PatientId,
    }

    /// Parameters of CreatePatient.
    pub struct CreatePatient {
        pub first_name: String,
        pub last_name: String,
        #[serde(default, deserialize_with = "calendar::optional")]
        pub birth_date: Option<NaiveDate>,
        /// Phone number, as written in the organization's region or in E.164; stored in E.164.
        pub phone: Option<String>,
        pub email: Option<String>,
        /// A BCP 47 language tag, such as de-CH.
        pub language: Option<String>,
        pub notes: Option<String>,
        /// The id in the practice's own system; unique in the organization.
        pub external_id: Option<String>,
    }

    /// Parameters of UpdatePatient: omitted fields are unchanged, null clears.
    pub struct UpdatePatient {
        pub patient_id: PatientId,
        pub first_name: Option<String>,
        pub last_name: Option<String>,
        #[serde(default, deserialize_with = "calendar::patch")]
        #[schemars(with = "Option<NaiveDate>")]
        pub birth_date: Patch<NaiveDate>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub phone: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub email: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub language: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub notes: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub external_id: Patch<String>,
        /// true archives the patient, false restores them.
        pub archived: Option<bool>,
    }

    /// Parameters of DeletePatient.
    pub struct DeletePatient {
        pub patient_id: PatientId,
        /// Archive the patient, with all appointments, instead of deleting.
        #[serde(default)]
        pub archive: bool,
    }
}

impl UpdatePatient {
    /// Restores an archived patient.
    pub fn restore(patient_id: PatientId) -> Self {
        Self {
            patient_id,
            first_name: None,
            last_name: None,
            birth_date: None,
            phone: None,
            email: None,
            language: None,
            notes: None,
            external_id: None,
            archived: Some(false),
        }
    }
}
