//! Parameters of the lists of patients, providers and operatories. The fields of each kind are defined with it (see
//! [`crate::domain::booking::fields`]).

use chrono::NaiveDate;

use super::{Paged, paged, parameters};
use crate::domain::{
    PatientId,
    booking::{PageMark, calendar},
};

parameters! {
    /// A list of providers or operatories.
    #[derive(Default, PartialEq, clap::Args)]
    pub struct NameSearch {
        /// Filter by name, or a provider's specialty, containing this text, ignoring case.
        #[arg(long, value_name = "TEXT")]
        pub search: Option<String>,
        /// Include archived ones.
        #[arg(long = "archived")]
        #[serde(default)]
        pub include_archived: bool,
        /// Rows per page, 1 to 1000; default 50.
        #[arg(skip)]
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// The end of the previous page: its `next_after`.
        #[arg(skip)]
        pub after: Option<PageMark>,
    }

    /// A list of patients.
    #[derive(Default, PartialEq, clap::Args)]
    pub struct PatientSearch {
        /// Match the start of any name part, in any order, ignoring case and accents: "mar mull".
        #[arg(long, value_name = "TEXT")]
        pub search: Option<String>,
        /// Filter by phone number, in the organization's national format or in E.164.
        #[arg(long, value_name = "NUMBER")]
        pub phone: Option<String>,
        /// Filter by date of birth.
        #[arg(long, value_name = "DATE", value_parser = calendar::argument)]
        #[serde(default, deserialize_with = "calendar::optional")]
        pub birth_date: Option<NaiveDate>,
        /// Filter by email address.
        #[arg(long, value_name = "EMAIL")]
        pub email: Option<String>,
        /// Include archived patients.
        #[arg(long = "archived")]
        #[serde(default)]
        pub include_archived: bool,
        /// Patients per page, 1 to 1000; default 50.
        #[arg(skip)]
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// The end of the previous page: its `next_after`.
        #[arg(skip)]
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
}

paged! { NameSearch PatientSearch }
