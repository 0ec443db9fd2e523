//! Working hours: the schedules that apply on a date, and the time they leave open.

use std::{collections::HashMap, ops::RangeInclusive};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::{
    ClockTime, Schedule, ScheduleKind, clock,
    intervals::{Interval, Intervals},
};
use crate::domain::{OperatoryId, ProviderId};

/// The subject of the hours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Subject {
    Provider(ProviderId),
    Operatory(OperatoryId),
}

/// A part of a day on the organization's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct ClockRange {
    pub start_time: ClockTime,
    pub end_time: ClockTime,
}

/// The hours of a provider or an operatory on one date, before appointments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DayHours {
    pub date: NaiveDate,
    /// For display: the open hours, on the clock.
    #[serde(rename = "open")]
    pub hours: Vec<ClockRange>,
    /// Working hours before holidays and blockouts. The slot grid is counted from the start of
    /// each, so that a blockout for one lunch moves no slot of the afternoon.
    #[serde(skip)]
    pub shifts: Intervals,
    /// The open time: the shifts without holidays and blockouts.
    #[serde(skip)]
    pub open: Intervals,
}

/// Schedules by subject.
#[derive(Debug, Default)]
pub struct Timetable<'a> {
    of_organization: Vec<&'a Schedule>,
    of_subject: HashMap<Subject, Vec<&'a Schedule>>,
}

impl<'a> Timetable<'a> {
    /// Groups the schedules of one organization by subject; schedules of other organizations may be
    /// included.
    pub fn new(schedules: impl IntoIterator<Item = &'a Schedule>) -> Self {
        let mut table = Self::default();
        for schedule in schedules {
            let subject = match (schedule.provider_id, schedule.operatory_id) {
                (Some(id), _) => Subject::Provider(id),
                (None, Some(id)) => Subject::Operatory(id),
                (None, None) => {
                    table.of_organization.push(schedule);
                    continue;
                }
            };
            table.of_subject.entry(subject).or_default().push(schedule);
        }
        table
    }

    /// The hours of a subject on each of the dates.
    ///
    /// A provider works
    /// 1. according to their own schedules of kind `date`, if any apply on the date: all of them
    ///    together;
    /// 2. else according to their own weekly schedules, if any is valid on the date, whatever its
    ///    weekday: if none is for this weekday, it is a day off;
    /// 3. else as the organization does: according to its schedules of kind `date` if any apply on
    ///    the date, else its weekly ones.
    ///
    /// An operatory is open according to rules 1 and 2, and else all day: rooms have no default
    /// hours.
    ///
    /// Holidays remove whole dates from both, blockouts remove hours: their own as well as those of
    /// the organization.
    pub fn hours(
        &self,
        subject: Subject,
        dates: RangeInclusive<NaiveDate>,
        zone: Tz,
    ) -> Vec<DayHours> {
        let (first, last) = dates.into_inner();
        std::iter::successors(Some(first), NaiveDate::succ_opt)
            .take_while(|date| *date <= last)
            .map(|date| self.hours_on(subject, date, zone))
            .collect()
    }

    /// The hours of a subject on one date: see [`Self::hours`].
    pub fn hours_on(&self, subject: Subject, date: NaiveDate, zone: Tz) -> DayHours {
        let own = self.of_subject.get(&subject).map_or(&[][..], Vec::as_slice);
        let organization = self.of_organization.as_slice();
        let working = working(own, date).unwrap_or_else(|| match subject {
            Subject::Provider(_) => working_of(organization, date),
            Subject::Operatory(_) => vec![ALL_DAY],
        });
        let closed = || own.iter().chain(organization).filter(|s| s.counts_on(date));
        let is_holiday = closed().any(|schedule| schedule.kind == ScheduleKind::Holiday);
        let blocked: Vec<_> = if is_holiday {
            vec![ALL_DAY]
        } else {
            closed()
                .filter(|schedule| schedule.kind == ScheduleKind::Blockout)
                .map(|schedule| times(schedule))
                .collect()
        };
        DayHours::new(date, working, blocked, zone)
    }
}

impl DayHours {
    fn new(
        date: NaiveDate,
        working: Vec<Interval<ClockTime>>,
        blocked: Vec<Interval<ClockTime>>,
        zone: Tz,
    ) -> Self {
        let real = |times: &[Interval<ClockTime>]| -> Intervals {
            let real = |one: &Interval<ClockTime>| clock::between(date, one.start, one.end, zone);
            times.iter().map(real).collect()
        };
        let shifts = real(&working);
        let open = match blocked.as_slice() {
            [] => shifts.clone(),
            some => shifts.subtract(&real(some)),
        };
        let working: Intervals<ClockTime> = working.into_iter().collect();
        let hours = working.subtract(&blocked.into_iter().collect());
        let hours = hours.iter().map(|one| ClockRange {
            start_time: one.start,
            end_time: one.end,
        });
        Self {
            date,
            hours: hours.collect(),
            shifts,
            open,
        }
    }
}

const ALL_DAY: Interval<ClockTime> = Interval::new(ClockTime::MIDNIGHT, ClockTime::END_OF_DAY);

/// The hours according to the schedules of kind `date`, else the weekly ones; `None` if neither
/// applies to the date.
fn working(schedules: &[&Schedule], date: NaiveDate) -> Option<Vec<Interval<ClockTime>>> {
    let of_date = counting(schedules, ScheduleKind::Date, date);
    if !of_date.is_empty() {
        return Some(of_date);
    }
    let has_week = schedules.iter().any(|schedule| {
        schedule.kind == ScheduleKind::Weekly
            && schedule.valid_from.is_none_or(|from| from <= date)
            && schedule.valid_until.is_none_or(|until| date <= until)
    });
    has_week.then(|| counting(schedules, ScheduleKind::Weekly, date))
}

fn working_of(schedules: &[&Schedule], date: NaiveDate) -> Vec<Interval<ClockTime>> {
    working(schedules, date).unwrap_or_default()
}

fn counting(
    schedules: &[&Schedule],
    kind: ScheduleKind,
    date: NaiveDate,
) -> Vec<Interval<ClockTime>> {
    let counting = schedules.iter().filter(|s| s.kind == kind);
    let counting = counting.filter(|schedule| schedule.counts_on(date));
    counting.map(|schedule| times(schedule)).collect()
}

/// The start and end of a schedule; the whole day if it has no times.
fn times(schedule: &Schedule) -> Interval<ClockTime> {
    Interval::new(
        schedule.start_time.unwrap_or(ALL_DAY.start),
        schedule.end_time.unwrap_or(ALL_DAY.end),
    )
}

/// All open time on the days; hours that touch, as at midnight, are merged.
pub fn open_time(days: &[DayHours]) -> Intervals {
    days.iter().flat_map(|day| &day.open).copied().collect()
}

/// Returns `true` if an appointment from `starts_at` to `ends_at` lies within the open hours.
/// `days` must be all that it touches: [`clock::dates_touched`].
pub fn fits(days: &[DayHours], starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> bool {
    open_time(days).contains(Interval::new(starts_at, ends_at))
}

#[cfg(test)]
#[path = "opening_tests.rs"]
mod tests;
