//! Contradictions in the booking data: overlapping schedules, and appointments outside working
//! hours.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::{
    Appointment, Schedule, clock,
    intervals::{Interval, Intervals},
    opening::{Subject, Timetable},
};
use crate::{
    domain::{AppointmentId, OperatoryId, ProviderId, ScheduleId},
    rfc3339,
};

/// A contradiction.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Conflict {
    /// Two schedules of one kind cover the same hours of the same subject.
    OverlappingSchedules {
        schedule_id: ScheduleId,
        other_id: ScheduleId,
    },
    /// The provider does not work the whole time: outside their hours, a holiday or a blockout.
    OutsideHours {
        appointment_id: AppointmentId,
        provider_id: ProviderId,
        #[serde(serialize_with = "rfc3339::serialize")]
        starts_at: DateTime<Utc>,
    },
    /// The operatory is not open the whole time.
    OperatoryClosed {
        appointment_id: AppointmentId,
        operatory_id: OperatoryId,
        #[serde(serialize_with = "rfc3339::serialize")]
        starts_at: DateTime<Utc>,
    },
}

impl Conflict {
    /// The appointment concerned, if any.
    pub const fn appointment_id(&self) -> Option<AppointmentId> {
        match self {
            Self::OverlappingSchedules { .. } => None,
            Self::OutsideHours { appointment_id, .. }
            | Self::OperatoryClosed { appointment_id, .. } => Some(*appointment_id),
        }
    }
}

/// The part of an appointment that is compared with the schedules.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Booking {
    pub id: AppointmentId,
    pub provider_id: ProviderId,
    pub operatory_id: Option<OperatoryId>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl From<&Appointment> for Booking {
    fn from(appointment: &Appointment) -> Self {
        Self {
            id: appointment.id,
            provider_id: appointment.provider_id,
            operatory_id: appointment.operatory_id,
            starts_at: appointment.starts_at,
            ends_at: appointment.ends_at,
        }
    }
}

/// The pairs of overlapping schedules, each once, in the order of `schedules`.
pub fn overlapping(schedules: &[Schedule]) -> Vec<Conflict> {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, one) in schedules.iter().enumerate() {
        let group = (one.kind, one.provider_id, one.operatory_id);
        groups.entry(group).or_default().push(index);
    }
    let mut pairs = Vec::new();
    for mut group in groups.into_values() {
        // Sorted by first date: a schedule that begins after `one` ends, and all after it, do not
        // overlap.
        group.sort_by_key(|index| schedules[*index].valid_from);
        for (position, &index) in group.iter().enumerate() {
            let one = &schedules[index];
            let begins_in_time = |other: &&usize| {
                let begins = schedules[**other].valid_from;
                one.valid_until.is_none_or(|until| begins <= Some(until))
            };
            let others = group[position + 1..].iter().take_while(begins_in_time);
            let others = others.filter(|other| one.overlaps(&schedules[**other]));
            pairs.extend(others.map(|&other| (index.min(other), index.max(other))));
        }
    }
    pairs.sort_unstable();
    let pairs = pairs.into_iter();
    pairs
        .map(|(one, other)| Conflict::OverlappingSchedules {
            schedule_id: schedules[one].id,
            other_id: schedules[other].id,
        })
        .collect()
}

/// The appointments outside the hours of their provider or their operatory, in the order of
/// `bookings`; each is reported once, for its provider first.
pub fn outside_hours(bookings: &[Booking], schedules: &[Schedule], zone: Tz) -> Vec<Conflict> {
    let timetable = Timetable::new(schedules);
    let mut hours = Hours {
        timetable: &timetable,
        zone,
        known: HashMap::new(),
    };
    let mut conflicts = Vec::new();
    for booking in bookings {
        let (appointment_id, starts_at) = (booking.id, booking.starts_at);
        let provider_id = booking.provider_id;
        if !hours.hold(Subject::Provider(provider_id), booking) {
            conflicts.push(Conflict::OutsideHours {
                appointment_id,
                provider_id,
                starts_at,
            });
        } else if let Some(operatory_id) = booking.operatory_id
            && !hours.hold(Subject::Operatory(operatory_id), booking)
        {
            conflicts.push(Conflict::OperatoryClosed {
                appointment_id,
                operatory_id,
                starts_at,
            });
        }
    }
    conflicts
}

/// A cache of computed hours: many appointments are on one date.
struct Hours<'a> {
    timetable: &'a Timetable<'a>,
    zone: Tz,
    known: HashMap<Subject, BTreeMap<NaiveDate, Intervals>>,
}

impl Hours<'_> {
    fn hold(&mut self, subject: Subject, booking: &Booking) -> bool {
        let wanted = Interval::new(booking.starts_at, booking.ends_at);
        let dates = clock::dates_touched(wanted, self.zone);
        let known = self.known.entry(subject).or_default();
        for date in dates.start().iter_days().take_while(|d| d <= dates.end()) {
            known
                .entry(date)
                .or_insert_with(|| self.timetable.hours_on(subject, date, self.zone).open);
        }
        let open: Intervals = known
            .range(dates)
            .flat_map(|(_, open)| open)
            .copied()
            .collect();
        open.contains(wanted)
    }
}

#[cfg(test)]
#[path = "conflicts_tests.rs"]
mod tests;
