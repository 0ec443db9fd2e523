//! Appointments.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::domain::{AppointmentId, OperatoryId, PatientId, ProviderId, rfc3339};

/// The longest appointment.
pub const LONGEST: TimeDelta = TimeDelta::hours(24);

named_enum! {
    /// How far an appointment has come.
    pub enum AppointmentStatus as "appointment status" {
        Scheduled = "scheduled", "Booked.";
        Confirmed = "confirmed", "Booked, and the patient said that they will come.";
        Completed = "completed", "The patient was there.";
        Broken = "broken", "The patient did not come, or called off too late: the reason is kept.";
        Cancelled = "cancelled", "Called off in time.";
    }
}

impl AppointmentStatus {
    /// Whether the time, the provider and the operatory are taken by it.
    pub const fn occupies(self) -> bool {
        matches!(self, Self::Scheduled | Self::Confirmed | Self::Completed)
    }

    /// Whether it still is to take place.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::Confirmed)
    }

    /// Whether an appointment may go from here to `next`. One that was called off or broken may be
    /// booked again; one that took place stays so.
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
    /// `None`: it needs no room, as a call does.
    pub operatory_id: Option<OperatoryId>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub starts_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub ends_at: DateTime<Utc>,
    pub status: AppointmentStatus,
    /// What it is for.
    pub service: Option<String>,
    pub notes: Option<String>,
    /// Why it was broken, the last time that it was.
    pub broken_reason: Option<String>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

impl Appointment {
    /// How long it takes.
    pub fn length(&self) -> TimeDelta {
        self.ends_at - self.starts_at
    }
}

/// An appointment with the names that a person reads it by.
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
