//! Appointments.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::{
    domain::{AppointmentId, OperatoryId, PatientId, ProviderId},
    rfc3339,
};

/// Maximum length of an appointment.
pub const LONGEST: TimeDelta = TimeDelta::hours(24);

named_enum! {
    /// The status of an appointment.
    pub enum AppointmentStatus as "appointment status" {
        Scheduled = "scheduled", "Booked.";
        Confirmed = "confirmed", "Booked and confirmed by the patient.";
        Completed = "completed", "The appointment took place.";
        Broken = "broken", "Missed, or canceled too late; the reason is kept.";
        Cancelled = "cancelled", "Canceled in time.";
    }
}

impl AppointmentStatus {
    /// Returns `true` if the appointment occupies its time, provider and operatory.
    pub const fn occupies(self) -> bool {
        matches!(self, Self::Scheduled | Self::Confirmed | Self::Completed)
    }

    /// Returns `true` if the appointment is yet to take place.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::Confirmed)
    }

    /// Returns `true` if the status may change to `next`. A canceled or broken appointment may be
    /// booked again; a completed one may not change.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Scheduled | Self::Confirmed => true,
            Self::Completed => matches!(next, Self::Completed),
            Self::Broken => matches!(next, Self::Broken | Self::Scheduled),
            Self::Cancelled => matches!(next, Self::Cancelled | Self::Scheduled),
        }
    }
}

/// An appointment of a patient with a provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Appointment {
    pub id: AppointmentId,
    /// The id in the practice's own system; unique in the organization.
    pub external_id: Option<String>,
    pub patient_id: PatientId,
    pub provider_id: ProviderId,
    /// `None` if no room is needed, as for a call.
    pub operatory_id: Option<OperatoryId>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub starts_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub ends_at: DateTime<Utc>,
    pub status: AppointmentStatus,
    /// The purpose of the appointment.
    pub service: Option<String>,
    pub notes: Option<String>,
    /// The most recent reason for breaking it.
    pub broken_reason: Option<String>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

impl Appointment {
    /// The length of the appointment.
    pub fn length(&self) -> TimeDelta {
        self.ends_at - self.starts_at
    }
}

/// An appointment with the names needed to display it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AppointmentEntry {
    #[serde(flatten)]
    pub appointment: Appointment,
    pub patient_name: String,
    pub provider_name: String,
    pub operatory_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::AppointmentStatus as Status;

    #[test]
    fn what_took_place_stays_and_what_was_called_off_may_be_booked_again() {
        for next in Status::ALL.iter().copied() {
            assert!(Status::Scheduled.may_become(next));
            assert_eq!(
                Status::Completed.may_become(next),
                next == Status::Completed
            );
        }
        assert!(Status::Broken.may_become(Status::Scheduled));
        assert!(!Status::Broken.may_become(Status::Completed));
        assert!(!Status::Cancelled.may_become(Status::Confirmed));
        assert!(!Status::Cancelled.may_become(Status::Broken));
    }

    #[test]
    fn only_what_takes_place_occupies() {
        let occupying: Vec<_> = Status::ALL.iter().filter(|one| one.occupies()).collect();
        assert_eq!(
            occupying,
            [&Status::Scheduled, &Status::Confirmed, &Status::Completed]
        );
    }
}
