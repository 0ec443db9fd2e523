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
        /// Only appointments with one of these ids; up to 1000.
        #[serde(default)]
        #[schemars(length(max = 1000))]
        pub appointment_ids: Vec<AppointmentId>,
        /// Only appointments on this date, on the organization's clock.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date: Option<NaiveDate>,
        /// Only appointments that end after this time.
        pub from: Option<Moment>,
        /// Only appointments that start before this time.
        pub until: Option<Moment>,
        pub patient_id: Option<PatientId>,
        pub provider_id: Option<ProviderId>,
        pub operatory_id: Option<OperatoryId>,
        /// Only appointments with one of these statuses; all if empty.
        #[serde(default)]
        pub status: Vec<AppointmentStatus>,
        /// Appointments per page, 1 to 1000; default 50.
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// The end of the previous page: its `next_after`.
        pub after: Option<PageMark>,
    }

    /// Parameters of GetAvailableSlots.
    #[derive(Default)]
    pub struct GetAvailableSlots {
        /// Only this provider; default any.
        pub provider_id: Option<ProviderId>,
        /// Only this operatory; default any free one.
        pub operatory_id: Option<OperatoryId>,
        /// No operatory is needed, as for a call.
        #[serde(default)]
        pub without_operatory: bool,
        /// The first date, on the organization's clock; default today.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date_from: Option<NaiveDate>,
        /// Number of dates, 1 to 92; default 14.
        #[schemars(range(min = 1, max = 92))]
        pub days: Option<u32>,
        /// Length of the appointment in minutes, 5 to 1440; default 30.
        #[schemars(range(min = 5, max = 1440))]
        pub length_minutes: Option<u32>,
        /// Minutes between the starts of slots, counted from the start of the working hours, 5 to
        /// 1440; defaults to the length.
        #[schemars(range(min = 5, max = 1440))]
        pub step_minutes: Option<u32>,
        /// Minimum minutes from now to the start of the first slot, 0 to 525600; default 0.
        #[schemars(range(min = 0, max = 525600))]
        pub lead_minutes: Option<u32>,
        /// Earliest start, as a time of day.
        pub time_from: Option<ClockTime>,
        /// Latest end, as a time of day.
        pub time_until: Option<ClockTime>,
        /// Maximum number of slots, 1 to 10000; default 100.
        #[schemars(range(min = 1, max = 10000))]
        pub limit: Option<u32>,
    }

    /// Parameters of CreateAppointment.
    pub struct CreateAppointment {
        pub patient_id: PatientId,
        pub provider_id: ProviderId,
        /// The operatory; null if none is needed.
        pub operatory_id: Option<OperatoryId>,
        pub starts_at: Moment,
        /// Length of the appointment in minutes, 1 to 1440; default 30.
        #[schemars(range(min = 1, max = 1440))]
        pub length_minutes: Option<u32>,
        /// scheduled or confirmed; default scheduled.
        pub status: Option<AppointmentStatus>,
        /// The purpose of the appointment.
        pub service: Option<String>,
        pub notes: Option<String>,
        /// The id in the practice's own system; unique in the organization.
        pub external_id: Option<String>,
        /// Book it even outside working hours.
        #[serde(default)]
        pub outside_schedule: bool,
        /// Record it even if the time is in the past.
        #[serde(default)]
        pub in_past: bool,
    }

    /// Parameters of UpdateAppointment: omitted fields are unchanged, null clears.
    pub struct UpdateAppointment {
        pub appointment_id: AppointmentId,
        pub patient_id: Option<PatientId>,
        pub provider_id: Option<ProviderId>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<OperatoryId>")]
        pub operatory_id: Patch<OperatoryId>,
        pub starts_at: Option<Moment>,
        /// Length of the appointment in minutes, 1 to 1440.
        #[schemars(range(min = 1, max = 1440))]
        pub length_minutes: Option<u32>,
        /// Any status but broken: use BreakAppointment for that.
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
        /// Move it even outside working hours.
        #[serde(default)]
        pub outside_schedule: bool,
        /// Move it even to a time in the past.
        #[serde(default)]
        pub in_past: bool,
    }

    /// Parameters of BreakAppointment.
    pub struct BreakAppointment {
        pub appointment_id: AppointmentId,
        /// The reason: "did not come", "called an hour before".
        pub reason: String,
    }

    /// Parameters of DeleteAppointment.
    pub struct DeleteAppointment {
        pub appointment_id: AppointmentId,
    }
}

impl UpdateAppointment {
    /// Changes only the status.
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
