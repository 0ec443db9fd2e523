//! Parameters of the functions on appointments.

use chrono::NaiveDate;

use super::{Patch, parameters, patch};
use crate::domain::{
    AppointmentId, OperatoryId, PatientId, ProviderId,
    booking::{AppointmentStatus, ClockTime, Moment, PageMark, calendar},
};

parameters! {
    /// Parameters of GetAppointments.
    #[derive(Default)]
    pub struct GetAppointments {
        /// Those with one of these ids; up to 1000.
        #[serde(default)]
        #[schemars(length(max = 1000))]
        pub appointment_ids: Vec<AppointmentId>,
        /// Those of this date, on the organization's clock.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date: Option<NaiveDate>,
        /// Those that end after this.
        pub from: Option<Moment>,
        /// Those that start before this.
        pub until: Option<Moment>,
        pub patient_id: Option<PatientId>,
        pub provider_id: Option<ProviderId>,
        pub operatory_id: Option<OperatoryId>,
        /// Only with one of these; all where it is empty.
        #[serde(default)]
        pub status: Vec<AppointmentStatus>,
        /// Appointments of a page, 1 to 1000; 50 where it is not given.
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// Where the page before ended: its `next_after`.
        pub after: Option<PageMark>,
    }

    /// Parameters of GetAvailableSlots.
    #[derive(Default)]
    pub struct GetAvailableSlots {
        /// Of this provider; of any where it is not given.
        pub provider_id: Option<ProviderId>,
        /// In this operatory; in any that is free where it is not given.
        pub operatory_id: Option<OperatoryId>,
        /// No operatory is needed, as for a call.
        #[serde(default)]
        pub without_operatory: bool,
        /// The first date, on the organization's clock; today where it is not given.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date_from: Option<NaiveDate>,
        /// How many dates, 1 to 92; 14 where it is not given.
        #[schemars(range(min = 1, max = 92))]
        pub days: Option<u32>,
        /// How long the appointment takes, in minutes, 5 to 1440; 30 where it is not given.
        #[schemars(range(min = 5, max = 1440))]
        pub length_minutes: Option<u32>,
        /// Minutes between the starts of slots, counted from the start of the working hours, 5 to
        /// 1440; the length where it is not given.
        #[schemars(range(min = 5, max = 1440))]
        pub step_minutes: Option<u32>,
        /// How many minutes from now the first slot starts at the earliest, 0 to 525600; 0 where it
        /// is not given.
        #[schemars(range(min = 0, max = 525600))]
        pub lead_minutes: Option<u32>,
        /// Slots that start at this time of the day or later.
        pub time_from: Option<ClockTime>,
        /// Slots that end at this time of the day or earlier.
        pub time_until: Option<ClockTime>,
        /// Slots at most, 1 to 10000; 100 where it is not given.
        #[schemars(range(min = 1, max = 10000))]
        pub limit: Option<u32>,
    }

    /// Parameters of CreateAppointment.
    pub struct CreateAppointment {
        pub patient_id: PatientId,
        pub provider_id: ProviderId,
        /// Where it takes place; null where no operatory is needed.
        pub operatory_id: Option<OperatoryId>,
        pub starts_at: Moment,
        /// How long it takes, in minutes, 1 to 1440; 30 where it is not given.
        #[schemars(range(min = 1, max = 1440))]
        pub length_minutes: Option<u32>,
        /// scheduled or confirmed; scheduled where it is not given.
        pub status: Option<AppointmentStatus>,
        /// What it is for.
        pub service: Option<String>,
        pub notes: Option<String>,
        /// The id in the practice's own system; unique in the organization.
        pub external_id: Option<String>,
        /// Book it also where nobody works at that time.
        #[serde(default)]
        pub outside_schedule: bool,
        /// Record it also where that time is over.
        #[serde(default)]
        pub in_past: bool,
    }

    /// Parameters of UpdateAppointment: what is left out stays, null clears.
    pub struct UpdateAppointment {
        pub appointment_id: AppointmentId,
        pub patient_id: Option<PatientId>,
        pub provider_id: Option<ProviderId>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<OperatoryId>")]
        pub operatory_id: Patch<OperatoryId>,
        pub starts_at: Option<Moment>,
        /// How long it takes, in minutes, 1 to 1440.
        #[schemars(range(min = 1, max = 1440))]
        pub length_minutes: Option<u32>,
        /// Any but broken: for that there is BreakAppointment.
        pub status: Option<AppointmentStatus>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub service: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub notes: Patch<String>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub external_id: Patch<String>,
        /// Move it also to where nobody works at that time.
        #[serde(default)]
        pub outside_schedule: bool,
        /// Move it also to a time that is over.
        #[serde(default)]
        pub in_past: bool,
    }

    /// Parameters of BreakAppointment.
    pub struct BreakAppointment {
        pub appointment_id: AppointmentId,
        /// Why: "did not come", "called an hour before".
        pub reason: String,
    }

    /// Parameters of DeleteAppointment.
    pub struct DeleteAppointment {
        pub appointment_id: AppointmentId,
    }
}

impl UpdateAppointment {
    /// The change of the status alone.
    pub fn status(appointment_id: AppointmentId, status: AppointmentStatus) -> Self {
        Self {
            appointment_id,
            patient_id: None,
            provider_id: None,
            operatory_id: None,
            starts_at: None,
            length_minutes: None,
            status: Some(status),
            service: None,
            notes: None,
            external_id: None,
            outside_schedule: false,
            in_past: false,
        }
    }
}
