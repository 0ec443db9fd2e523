//! Cursors through the free time of one provider, and of the operatories, from the first slot to
//! the last: each step continues where the previous one stopped.
//!
//! Times are counted in microseconds, as stored in the database: a search visits thousands of grid
//! points, and calendar arithmetic on each would take most of its time.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{
    ClockTime, clock,
    intervals::{Interval, Intervals},
    opening::open_time,
    slots::{ProviderTime, RoomTime, SlotSearch},
};
use crate::domain::OperatoryId;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// Microseconds since 1970. Every time that `chrono` supports fits.
pub type Micros = i64;

/// Rounds up to whole microseconds.
fn micros(at: DateTime<Utc>) -> Micros {
    let has_rest = !at.timestamp_subsec_nanos().is_multiple_of(1000);
    at.timestamp_micros() + i64::from(has_rest)
}

/// The point in time; the epoch outside the range of `chrono`, which no cursor reaches.
pub fn instant(at: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at).unwrap_or_default()
}

/// The length in microseconds, or the maximum if it does not fit.
pub fn length(of: TimeDelta) -> Micros {
    of.num_microseconds().unwrap_or(Micros::MAX)
}

/// Free time in microseconds, with touching intervals merged.
fn free(open: &Intervals, busy: &Intervals) -> Vec<Interval<Micros>> {
    let free = open.subtract(busy);
    let free = free.iter();
    free.map(|one| Interval::new(micros(one.start), one.end.timestamp_micros()))
        .collect()
}

/// The starts of one provider's slots, earliest first, each once.
#[derive(Debug)]
pub struct Starts {
    zone: Tz,
    length: Micros,
    step: Micros,
    wanted: Option<Wanted>,
    shifts: Vec<Shift>,
    free: Vec<Interval<Micros>>,
    /// The current shift; all before it are done.
    shift: usize,
    /// The current free interval; all before it are done.
    part: usize,
    /// The earliest possible next start.
    from: Micros,
    /// The grid point after the last one visited, in the same shift.
    upcoming: Micros,
    /// The UTC offset at the last start found.
    offset: FixedOffset,
}

/// Working hours with their own grid.
#[derive(Clone, Copy, Debug)]
struct Shift {
    anchor: Micros,
    end: Micros,
    /// The UTC offset if it is the same throughout the shift: looking one up is the slowest part of
    /// finding a slot.
    offset: Option<FixedOffset>,
}

/// The wanted start and end on the clock, after midnight.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    from: Micros,
    until: Micros,
}

impl Starts {
    pub fn new(search: &SlotSearch, provider: &ProviderTime, zone: Tz) -> Self {
        let days = provider.open.iter().filter(|day| search.is_on(day.date));
        let mut shifts: Vec<_> = days
            .flat_map(|day| &day.shifts)
            .map(|one| Shift::new(*one, zone))
            .collect();
        shifts.sort_by_key(|shift| shift.anchor);
        // Two dates share an hour if the clock is put back over midnight: the grid of the later one
        // applies then, so that no start is found twice.
        for next in 1..shifts.len() {
            let begins = shifts[next].anchor;
            let before = &mut shifts[next - 1];
            before.end = before.end.min(begins);
        }
        Self {
            zone,
            length: length(search.length()),
            step: length(search.step()),
            wanted: Wanted::new(search),
            shifts,
            free: free(&open_time(&provider.open), &provider.busy),
            shift: 0,
            part: 0,
            from: micros(search.earliest),
            upcoming: Micros::MIN,
            offset: clock::offset(search.earliest, zone),
        }
    }

    fn next_shift(&mut self) {
        self.shift += 1;
        self.upcoming = Micros::MIN;
    }

    /// The UTC offset at the last start found.
    pub const fn offset(&self) -> FixedOffset {
        self.offset
    }

    /// Returns `true` if a slot begins and ends at the wanted time of one date.
    fn is_wanted(&self, shift: Shift, start: Micros, end: Micros) -> bool {
        let Some(wanted) = self.wanted else {
            return true;
        };
        let end_offset = match shift.offset {
            Some(offset) if end <= shift.end => offset,
            _ => clock::offset_before(instant(end), self.zone),
        };
        let shown = |at: Micros, offset: FixedOffset| {
            at.saturating_add(SECOND * i64::from(offset.local_minus_utc()))
        };
        let begins = shown(start, self.offset);
        let midnight = begins - begins.rem_euclid(DAY);
        let ends = shown(end, end_offset) - midnight;
        wanted.from <= begins - midnight && 0 < ends && ends <= wanted.until
    }
}

impl Iterator for Starts {
    type Item = Micros;

    fn next(&mut self) -> Option<Micros> {
        loop {
            let shift = *self.shifts.get(self.shift)?;
            let free = *self.free.get(self.part)?;
            let from = shift.anchor.max(free.start).max(self.from);
            let start = if from <= self.upcoming {
                Some(self.upcoming).filter(|start| *start < shift.end)
            } else {
                shift.at_or_after(from, self.step)
            };
            let Some(start) = start else {
                self.next_shift();
                continue;
            };
            let end = start.saturating_add(self.length);
            if end > free.end {
                // The rest of the shift may be free, but only after the end of this part.
                if free.end < shift.end {
                    self.part += 1;
                } else {
                    self.next_shift();
                }
                continue;
            }
            self.offset = match shift.offset {
                Some(offset) => offset,
                None => clock::offset(instant(start), self.zone),
            };
            self.from = start + 1;
            self.upcoming = start.saturating_add(self.step);
            if self.is_wanted(shift, start, end) {
                return Some(start);
            }
        }
    }
}

impl Shift {
    fn new(hours: Interval, zone: Tz) -> Self {
        let offset = clock::offset(hours.start, zone);
        Self {
            anchor: micros(hours.start),
            end: hours.end.timestamp_micros(),
            offset: (offset == clock::offset_before(hours.end, zone)).then_some(offset),
        }
    }

    /// The first grid point not before `from`, which is not before the anchor.
    fn at_or_after(&self, from: Micros, step: Micros) -> Option<Micros> {
        let gone = from.checked_sub(self.anchor)?;
        let more = match gone % step {
            0 => 0,
            over => step - over,
        };
        from.checked_add(more).filter(|at| *at < self.end)
    }
}

impl Wanted {
    fn new(search: &SlotSearch) -> Option<Self> {
        let micros = |time: ClockTime| MINUTE * i64::from(time.minutes());
        let has_any = search.time_from.is_some() || search.time_until.is_some();
        has_any.then(|| Self {
            from: search.time_from.map_or(0, micros),
            until: search.time_until.map_or(DAY, micros),
        })
    }
}

/// The operatories, in order of preference, and the free time of each.
#[derive(Debug)]
pub struct FreeRooms {
    rooms: Vec<FreeRoom>,
    /// The answer to the last call: providers with the same hours make the same one.
    last: Option<(Micros, Option<OperatoryId>)>,
}

#[derive(Debug)]
struct FreeRoom {
    operatory_id: OperatoryId,
    free: Vec<Interval<Micros>>,
    /// The current free interval; all before it end too early.
    part: usize,
}

impl FreeRooms {
    pub fn new(rooms: &[RoomTime]) -> Self {
        let rooms = rooms.iter().map(|room| FreeRoom {
            operatory_id: room.operatory_id,
            free: free(&open_time(&room.open), &room.busy),
            part: 0,
        });
        Self {
            rooms: rooms.collect(),
            last: None,
        }
    }

    /// The first operatory that is free from `start` to `end`; neither may be earlier than in the
    /// previous call.
    pub fn first_free(&mut self, start: Micros, end: Micros) -> Option<OperatoryId> {
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
    fn is_free(&mut self, start: Micros, end: Micros) -> bool {
        while self.free.get(self.part).is_some_and(|part| part.end < end) {
            self.part += 1;
        }
        let part = self.free.get(self.part);
        part.is_some_and(|part| part.start <= start)
    }
}
