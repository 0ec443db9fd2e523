//! Conversion between local dates and times and instants, including days on which the clock
//! changes.

use std::ops::RangeInclusive;

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta,
    TimeZone, Utc,
};
use chrono_tz::{GapInfo, Tz};

use super::{ClockTime, intervals::Interval};

/// The instant of a start at `time` on `date`.
///
/// A time that the clock skips is the first instant after the gap; one that occurs twice is the
/// earlier instant. 24:00 is 00:00 of the next date. Together with [`instant_of_end`], 09:00 to
/// 17:00 has these times on the clock on every day; 01:00 to 04:00 is two real hours when the clock
/// is put forward by one, and four when it is put back.
pub fn instant_of_start(date: NaiveDate, time: ClockTime, zone: Tz) -> DateTime<Utc> {
    instants(date, time, zone).0
}

/// The instant of an end at `time` on `date`.
///
/// A time that the clock skips is the first instant after the gap, as for a start. One that occurs
/// twice is the later instant, except if the clock is put back *onto* it (02:00, if 03:00 becomes
/// 02:00): nothing before 02:00 is shown again, so an interval that ends at 02:00 is over the first
/// time. If it is put back onto midnight, as in the Azores, a date therefore ends when the next
/// begins.
pub fn instant_of_end(date: NaiveDate, time: ClockTime, zone: Tz) -> DateTime<Utc> {
    let (first, last) = instants(date, time, zone);
    if first < last && offset_before(last, zone) != offset(last, zone) {
        return first;
    }
    last
}

/// The interval from `from` to `until` on `date`; empty if the clock skips all of it.
pub fn between(
    date: NaiveDate,
    from: ClockTime,
    until: ClockTime,
    zone: Tz,
) -> Interval<DateTime<Utc>> {
    Interval::new(
        instant_of_start(date, from, zone),
        instant_of_end(date, until, zone),
    )
}

/// The whole of a date; empty if the zone skipped it, as Samoa did 2011-12-30.
pub fn whole_date(date: NaiveDate, zone: Tz) -> Interval<DateTime<Utc>> {
    between(date, ClockTime::MIDNIGHT, ClockTime::END_OF_DAY, zone)
}

/// The local time.
pub fn shown(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    shown_with(at, offset(at, zone))
}

/// The local time with that offset.
pub(super) fn shown_with(at: DateTime<Utc>, offset: FixedOffset) -> NaiveDateTime {
    let local = at.naive_utc().checked_add_offset(offset);
    local.unwrap_or_else(|| limit(offset.local_minus_utc()))
}

/// The first or last representable time, for results beyond it in that direction.
const fn limit(direction: i32) -> NaiveDateTime {
    if direction < 0 {
        NaiveDateTime::MIN
    } else {
        NaiveDateTime::MAX
    }
}

/// The offset from UTC.
pub fn offset(at: DateTime<Utc>, zone: Tz) -> FixedOffset {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix()
}

/// The offset just before: with it, an interval that ends when the clock is put forward at midnight
/// ends at 24:00, not at 01:00.
pub(super) fn offset_before(at: DateTime<Utc>, zone: Tz) -> FixedOffset {
    offset(just_before(at), zone)
}

fn just_before(at: DateTime<Utc>) -> DateTime<Utc> {
    at.checked_sub_signed(TimeDelta::nanoseconds(1))
        .unwrap_or(at)
}

/// The dates with hours in an interval: all with a part of it in their [`whole_date`], and
/// those between them.
///
/// Two dates can share an hour: if the clock is put back over midnight, the last hour of one
/// repeats after the first minutes of the other.
pub fn dates_touched(interval: Interval<DateTime<Utc>>, zone: Tz) -> RangeInclusive<NaiveDate> {
    let (start, end) = (interval.start, interval.end.max(interval.start));
    let begins = shown(start, zone).date();
    let ends = shown(just_before(end).max(start), zone).date();
    let (mut first, mut last) = (begins.min(ends), begins.max(ends));
    if let Some(previous) = first.pred_opt()
        && whole_date(previous, zone).end > start
    {
        first = previous;
    }
    if let Some(next) = last.succ_opt()
        && whole_date(next, zone).start < end
    {
        last = next;
    }
    first..=last
}

/// The earliest and the latest instant at which the clock shows the time, or reaches it.
fn instants(date: NaiveDate, time: ClockTime, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let local = date
        .and_time(NaiveTime::MIN)
        .checked_add_signed(TimeDelta::minutes(time.minutes().into()))
        .unwrap_or(NaiveDateTime::MAX);
    let at = |local: NaiveDateTime, offset: FixedOffset| {
        let utc = local.checked_sub_offset(offset);
        utc.unwrap_or_else(|| limit(offset.utc_minus_local()))
            .and_utc()
    };
    match zone.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) => {
            let only = at(local, offset.fix());
            (only, only)
        }
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (at(local, one.fix()), at(local, other.fix()));
            (one.min(other), one.max(other))
        }
        LocalResult::None => {
            let gap = GapInfo::new(&local, &zone).and_then(|gap| gap.begin);
            let after = match gap {
                Some((begin, offset)) => at(begin, offset.fix()),
                None => local.and_utc(),
            };
            (after, after)
        }
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
