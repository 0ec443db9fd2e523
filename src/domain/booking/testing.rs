//! Helpers shared by the tests of the booking data: odd zones, dates on which their clocks change,
//! and arbitrary schedules.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use uuid::Uuid;

use super::{ClockTime, Schedule, ScheduleKind, Weekday, clock};

/// Half hours, 45 minutes, changes at midnight, no changes, skipped and doubled dates.
const ODD: [Tz; 16] = [
    Tz::Europe__Zurich,
    Tz::Europe__Dublin,
    Tz::America__New_York,
    Tz::America__Sao_Paulo,
    Tz::America__St_Johns,
    Tz::America__Havana,
    Tz::America__Nuuk,
    Tz::Atlantic__Azores,
    Tz::Africa__Cairo,
    Tz::Africa__Casablanca,
    Tz::Asia__Beirut,
    Tz::Asia__Kathmandu,
    Tz::Australia__Lord_Howe,
    Tz::Antarctica__Troll,
    Tz::Pacific__Apia,
    Tz::UTC,
];

/// Days that have broken calendar code.
const KNOWN: [(Tz, &str); 8] = [
    (Tz::Europe__Zurich, "2026-03-29"),
    (Tz::Europe__Zurich, "2026-10-25"),
    (Tz::America__Sao_Paulo, "2018-11-04"),
    (Tz::America__St_Johns, "2006-10-29"),
    (Tz::Atlantic__Azores, "2026-10-25"),
    (Tz::Australia__Lord_Howe, "2026-04-05"),
    (Tz::Pacific__Apia, "2011-12-30"),
    (Tz::Asia__Beirut, "2026-03-29"),
];

pub fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn time(text: &str) -> ClockTime {
    text.parse().unwrap()
}

/// An id that is the same in every run.
pub fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(number).into()
}

/// A schedule of the organization, every day from nine to five.
pub fn schedule(kind: ScheduleKind) -> Schedule {
    Schedule {
        id: id(1),
        kind,
        provider_id: None,
        operatory_id: None,
        weekday: None,
        valid_from: None,
        valid_until: None,
        start_time: Some(time("09:00")),
        end_time: Some(time("17:00")),
        note: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

/// The same schedule at other hours.
pub fn at(hours: (&str, &str), schedule: &Schedule) -> Schedule {
    Schedule {
        start_time: Some(time(hours.0)),
        end_time: Some(time(hours.1)),
        ..schedule.clone()
    }
}

/// The dates of a year, in UTC, on which the clock of a zone changes.
fn changes(zone: Tz, year: i32) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
    let offset = |date: NaiveDate| clock::offset(date.and_time(NaiveTime::MIN).and_utc(), zone);
    first
        .iter_days()
        .take_while(|date| date.year() == year)
        .filter(|date| offset(*date) != offset(*date + Days::new(1)))
        .collect()
}

/// Any zone, and a date in these years: usually one on which its clock changes, or near it.
pub fn zones_and_dates(years: std::ops::Range<i32>) -> impl Strategy<Value = (Tz, NaiveDate)> {
    let zones = prop_oneof![2 => select(&ODD[..]), 1 => select(&TZ_VARIANTS[..])];
    let dates = (zones, years, any::<Index>(), 0..5_u64).prop_map(|(zone, year, index, days)| {
        let changes = changes(zone, year);
        let date = match changes.as_slice() {
            [] => NaiveDate::from_yo_opt(year, index.index(365) as u32 + 1).unwrap(),
            some => *index.get(some),
        };
        (zone, date + Days::new(days) - Days::new(3))
    });
    let known = (select(&KNOWN[..]), 0..3_u64)
        .prop_map(|((zone, text), days)| (zone, date(text) + Days::new(days) - Days::new(2)));
    prop_oneof![3 => dates, 1 => known]
}

/// Any time on the clock, in quarters of an hour.
pub fn times() -> impl Strategy<Value = ClockTime> {
    (0..=96_u16).prop_map(|quarter| ClockTime::from_minutes(quarter * 15).unwrap())
}

/// Schedules of all kinds, around a date: of providers 1 and 2, operatories 1 and 2, and of the
/// organization.
pub fn schedules(around: NaiveDate) -> impl Strategy<Value = Vec<Schedule>> {
    const KINDS: [ScheduleKind; 6] = [
        ScheduleKind::Weekly,
        ScheduleKind::Weekly,
        ScheduleKind::Weekly,
        ScheduleKind::Date,
        ScheduleKind::Blockout,
        ScheduleKind::Holiday,
    ];
    let validity = proptest::option::weighted(0.3, (-3..=3_i64, 0..=3_i64));
    let one = (
        select(&KINDS[..]),
        0..5_u8,
        select(Weekday::ALL),
        validity,
        (times(), times()),
        any::<bool>(),
    );
    let one = one.prop_map(move |(kind, of, weekday, validity, hours, every_day)| {
        let dated = matches!(kind, ScheduleKind::Date | ScheduleKind::Holiday);
        let validity = validity.or(dated.then_some((0, 0)));
        let days = |days| around + chrono::TimeDelta::days(days);
        let (start, end) = (hours.0.min(hours.1), hours.0.max(hours.1));
        let timed = kind != ScheduleKind::Holiday;
        Schedule {
            provider_id: matches!(of, 1 | 2).then(|| id(of.into())),
            operatory_id: matches!(of, 3 | 4).then(|| id(u128::from(of) - 2)),
            weekday: (kind == ScheduleKind::Weekly || !dated && !every_day).then_some(weekday),
            valid_from: validity.map(|(from, _)| days(from)),
            valid_until: validity.map(|(from, more)| days(from + more)),
            start_time: timed.then_some(start),
            end_time: timed.then_some(end),
            ..schedule(kind)
        }
    });
    proptest::collection::vec(one, 0..30).prop_map(|mut all| {
        for (number, schedule) in all.iter_mut().enumerate() {
            schedule.id = id(number as u128);
        }
        all
    })
}
