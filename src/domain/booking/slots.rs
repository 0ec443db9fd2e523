//! Search for available slots.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    ops::RangeInclusive,
};

use chrono::{DateTime, Days, FixedOffset, NaiveDate, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

use super::{
    ClockTime, clock,
    cursor::{self, FreeRooms, Micros, Starts, instant},
    intervals::{Interval, Intervals},
    opening::DayHours,
};
use crate::{
    domain::{OperatoryId, ProviderId},
    rfc3339,
};

/// Number of dates searched for alternatives when the wanted time is taken.
const DAYS_OF_ALTERNATIVES: u32 = 14;

/// The parameters of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotSearch {
    /// The first date on which a slot may start, on the clock of the zone.
    pub first_date: NaiveDate,
    /// The number of dates on which it may start.
    pub days: u32,
    /// The length of the appointment; at least a minute.
    pub length: TimeDelta,
    /// The interval from one start to the next; at least a minute.
    pub step: TimeDelta,
    /// The earliest start.
    pub earliest: DateTime<Utc>,
    /// The earliest start on the clock.
    pub time_from: Option<ClockTime>,
    /// The latest end on the clock.
    pub time_until: Option<ClockTime>,
    /// Maximum number of slots.
    pub limit: usize,
}

/// The time of a provider who could treat the patient.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderTime {
    pub provider_id: ProviderId,
    /// Their hours on the dates of [`SlotSearch::dates`].
    pub open: Vec<DayHours>,
    /// Their appointments.
    pub busy: Intervals,
}

/// The time of an operatory.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomTime {
    pub operatory_id: OperatoryId,
    /// Its hours on the dates of [`SlotSearch::dates`].
    pub open: Vec<DayHours>,
    /// The appointments in it.
    pub busy: Intervals,
}

/// The possible places.
#[derive(Clone, Debug, PartialEq)]
pub enum Rooms {
    /// No operatory is needed, as for a call.
    NotNeeded,
    /// One of these, the first that is free.
    OneOf(Vec<RoomTime>),
}

/// A time, provider and operatory with which an appointment could be booked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slot {
    #[serde(serialize_with = "rfc3339::serialize")]
    pub starts_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub ends_at: DateTime<Utc>,
    /// The start on the organization's clock, with its offset.
    #[serde(serialize_with = "local")]
    pub local_start: DateTime<FixedOffset>,
    pub provider_id: ProviderId,
    /// `None` if no operatory is needed.
    pub operatory_id: Option<OperatoryId>,
}

fn local<S: Serializer>(at: &DateTime<FixedOffset>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

impl SlotSearch {
    /// The search for the next `count` slots from `after` on, to suggest alternatives when the
    /// wanted time is taken.
    pub fn alternatives(after: DateTime<Utc>, length: TimeDelta, count: usize, zone: Tz) -> Self {
        Self {
            first_date: clock::shown(after, zone).date(),
            days: DAYS_OF_ALTERNATIVES,
            length,
            step: length,
            earliest: after,
            time_from: None,
            time_until: None,
            limit: count,
        }
    }

    /// The time in which the slots lie: appointments outside it do not matter.
    pub fn window(&self, zone: Tz) -> Interval {
        let last = self.last_date().unwrap_or(self.first_date);
        let end = clock::whole_date(last, zone).end;
        Interval::new(
            clock::whole_date(self.first_date, zone).start,
            end.checked_add_signed(self.length()).unwrap_or(end),
        )
    }

    /// The relevant dates: those on which a slot may start, and those into which a slot
    /// that starts on the last of them may extend.
    pub fn dates(&self, zone: Tz) -> RangeInclusive<NaiveDate> {
        clock::dates_touched(self.window(zone), zone)
    }

    /// The slots, ordered by start, then by the order of the providers; each is computed on demand.
    ///
    /// A slot lies wholly in the open time of its provider, without their appointments; hours that
    /// touch, as at midnight, are merged. It starts on the grid: a number of steps after the start
    /// of one of the date's working hours, in real time, so that an hour that the clock skips has
    /// no slots, and one that occurs twice has them twice. If operatories are needed, one of them
    /// is free for the whole time.
    ///
    /// With `time_from` or `time_until` it begins and ends on one date; an end at midnight is
    /// 24:00.
    pub fn slots(&self, providers: &[ProviderTime], rooms: &Rooms, zone: Tz) -> Slots {
        let mut starts: Vec<Starts> = providers
            .iter()
            .map(|provider| Starts::new(self, provider, zone))
            .collect();
        let queue = starts.iter_mut().enumerate();
        let queue = queue.filter_map(|(index, starts)| Some(Reverse((starts.next()?, index))));
        Slots {
            queue: queue.collect(),
            providers: providers.iter().map(|one| one.provider_id).collect(),
            starts,
            rooms: match rooms {
                Rooms::NotNeeded => None,
                Rooms::OneOf(rooms) => Some(FreeRooms::new(rooms)),
            },
            length: cursor::length(self.length()),
            left: self.limit,
        }
    }

    pub(super) fn length(&self) -> TimeDelta {
        self.length.max(TimeDelta::minutes(1))
    }

    pub(super) fn step(&self) -> TimeDelta {
        self.step.max(TimeDelta::minutes(1))
    }

    /// Returns `true` if a slot may start on the grid of that date.
    pub(super) fn is_on(&self, date: NaiveDate) -> bool {
        self.first_date <= date && self.last_date().is_some_and(|last| date <= last)
    }

    /// The last date on which a slot may start.
    fn last_date(&self) -> Option<NaiveDate> {
        let more = self.days.checked_sub(1)?;
        let last = self.first_date.checked_add_days(Days::new(more.into()));
        Some(last.unwrap_or(NaiveDate::MAX))
    }
}

/// The slots of a search: see [`SlotSearch::slots`].
#[derive(Debug)]
pub struct Slots {
    providers: Vec<ProviderId>,
    starts: Vec<Starts>,
    /// The next start of each provider who has one, with the index of the provider.
    queue: BinaryHeap<Reverse<(Micros, usize)>>,
    rooms: Option<FreeRooms>,
    length: Micros,
    left: usize,
}

impl Iterator for Slots {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        self.left = self.left.checked_sub(1)?;
        loop {
            let mut top = self.queue.peek_mut()?;
            let Reverse((start, index)) = *top;
            let starts = &mut self.starts[index];
            let offset = starts.offset();
            match starts.next() {
                Some(next) => *top = Reverse((next, index)),
                None => drop(PeekMut::pop(top)),
            }
            let end = start.saturating_add(self.length);
            let operatory_id = match &mut self.rooms {
                None => None,
                Some(rooms) => match rooms.first_free(start, end) {
                    None => continue,
                    found => found,
                },
            };
            let starts_at = instant(start);
            return Some(Slot {
                starts_at,
                ends_at: instant(end),
                local_start: starts_at.with_timezone(&offset),
                provider_id: self.providers[index],
                operatory_id,
            });
        }
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
