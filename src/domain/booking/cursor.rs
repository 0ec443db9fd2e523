//! The ways through the free time of one provider, and of the operatories, from the first slot to
//! the last: each step goes on where the one before it stopped.

use std::cmp::Ordering;

use chrono::{DateTime, FixedOffset, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{
    ClockTime, clock,
    intervals::{Interval, Intervals},
    opening::open_time,
    slots::{ProviderTime, RoomTime, SlotSearch},
};
use crate::domain::OperatoryId;

/// When a slot starts, and the offset of the clock then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Start {
    pub at: DateTime<Utc>,
    pub offset: FixedOffset,
}

impl Ord for Start {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Start {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The starts of one provider's slots, the earliest first, each once.
#[derive(Debug)]
pub struct Starts {
    zone: Tz,
    length: TimeDelta,
    step: TimeDelta,
    hours: Option<(ClockTime, ClockTime)>,
    shifts: Vec<Shift>,
    free: Intervals,
    /// The shift that is gone through; all before are done.
    shift: usize,
    /// The free time that is gone through; all before is done.
    part: usize,
    /// No start before.
    from: DateTime<Utc>,
}

/// Working hours that have a grid of their own.
#[derive(Clone, Copy, Debug)]
struct Shift {
    anchor: DateTime<Utc>,
    end: DateTime<Utc>,
    /// The offset of the clock where it is the same from the first to the last: looking one up is
    /// the slowest part of finding a slot.
    offset: Option<FixedOffset>,
}

impl Starts {
    pub fn new(search: &SlotSearch, provider: &ProviderTime, zone: Tz) -> Self {
        let days = provider.open.iter().filter(|day| search.is_on(day.date));
        let mut shifts: Vec<_> = days
            .flat_map(|day| &day.shifts)
            .map(|one| Shift::new(*one, zone))
            .collect();
        shifts.sort_by_key(|shift| shift.anchor);
        // Two dates share an hour where the clock is put back over midnight: the grid of the later
        // one counts then, so that no start is found twice.
        for next in 1..shifts.len() {
            let begins = shifts[next].anchor;
            let before = &mut shifts[next - 1];
            before.end = before.end.min(begins);
        }
        let has_filter = search.time_from.is_some() || search.time_until.is_some();
        Self {
            zone,
            length: search.length(),
            step: search.step(),
            hours: has_filter.then(|| {
                (
                    search.time_from.unwrap_or(ClockTime::MIDNIGHT),
                    search.time_until.unwrap_or(ClockTime::END_OF_DAY),
                )
            }),
            shifts,
            free: open_time(&provider.open).subtract(&provider.busy),
            shift: 0,
            part: 0,
            from: search.earliest,
        }
    }

    /// Whether a slot begins and ends at the wanted time of one date.
    fn is_at_wanted_time(&self, shift: &Shift, start: Start, end: DateTime<Utc>) -> bool {
        let Some((from, until)) = self.hours else {
            return true;
        };
        let end_offset = match shift.offset {
            Some(offset) if end <= shift.end => offset,
            _ => clock::offset_before(end, self.zone),
        };
        let begins = clock::shown_with(start.at, start.offset);
        let midnight = begins.date().and_time(NaiveTime::MIN);
        let ends = clock::shown_with(end, end_offset) - midnight;
        let minutes = |time: ClockTime| TimeDelta::minutes(time.minutes().into());
        minutes(from) <= begins - midnight && TimeDelta::zero() < ends && ends <= minutes(until)
    }
}

impl Iterator for Starts {
    type Item = Start;

    fn next(&mut self) -> Option<Start> {
        loop {
            let shift = self.shifts.get(self.shift)?;
            let free = self.free.as_slice().get(self.part)?;
            let from = shift.anchor.max(free.start).max(self.from);
            let at = match shift.at_or_after(from, self.step) {
                Some(at) if at < shift.end => at,
                _ => {
                    self.shift += 1;
                    continue;
                }
            };
            let end = match at.checked_add_signed(self.length) {
                Some(end) if end <= free.end => end,
                // The rest of the shift may be free later, but only beyond this part's end.
                _ if free.end < shift.end => {
                    self.part += 1;
                    continue;
                }
                _ => {
                    self.shift += 1;
                    continue;
                }
            };
            let offset = shift.offset.unwrap_or_else(|| clock::offset(at, self.zone));
            let start = Start { at, offset };
            let is_wanted = self.is_at_wanted_time(shift, start, end);
            self.from = at + TimeDelta::nanoseconds(1);
            if is_wanted {
                return Some(start);
            }
        }
    }
}

impl Shift {
    fn new(hours: Interval, zone: Tz) -> Self {
        let offset = clock::offset(hours.start, zone);
        Self {
            anchor: hours.start,
            end: hours.end,
            offset: (offset == clock::offset_before(hours.end, zone)).then_some(offset),
        }
    }

    /// The first point of the grid that is not before `from`; `None` where that is beyond all
    /// shifts.
    fn at_or_after(&self, from: DateTime<Utc>, step: TimeDelta) -> Option<DateTime<Utc>> {
        if self.end <= from {
            return None;
        }
        let gone = (from - self.anchor).num_nanoseconds()?;
        let step = step.num_nanoseconds().unwrap_or(i64::MAX);
        let more = match gone % step {
            0 => 0,
            over => step - over,
        };
        from.checked_add_signed(TimeDelta::nanoseconds(more))
    }
}

/// The operatories, in order of preference, and what is free in each.
#[derive(Debug)]
pub struct FreeRooms {
    rooms: Vec<FreeRoom>,
    /// The answer to the last question: providers with the same hours ask the same one.
    last: Option<(DateTime<Utc>, Option<OperatoryId>)>,
}

#[derive(Debug)]
struct FreeRoom {
    operatory_id: OperatoryId,
    free: Intervals,
    /// All before ends too early.
    part: usize,
}

impl FreeRooms {
    pub fn new(rooms: &[RoomTime]) -> Self {
        let rooms = rooms.iter().map(|room| FreeRoom {
            operatory_id: room.operatory_id,
            free: open_time(&room.open).subtract(&room.busy),
            part: 0,
        });
        Self {
            rooms: rooms.collect(),
            last: None,
        }
    }

    /// The first operatory that is free from `start` to `end`; neither is earlier than in the
    /// question before.
    pub fn first_free(&mut self, start: DateTime<Utc>, end: DateTime<Utc>) -> Option<OperatoryId> {
        if let Some((asked, answer)) = self.last
            && asked == start
        {
            return answer;
        }
        let mut rooms = self.rooms.iter_mut();
        let answer = rooms.find_map(|room| room.is_free(start, end).then_some(room.operatory_id));
        self.last = Some((start, answer));
        answer
    }
}

impl FreeRoom {
    fn is_free(&mut self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        let free = self.free.as_slice();
        while free.get(self.part).is_some_and(|part| part.end < end) {
            self.part += 1;
        }
        free.get(self.part).is_some_and(|part| part.start <= start)
    }
}
