use proptest::prelude::*;

use super::*;
use crate::domain::booking::{
    intervals::Intervals,
    testing::{date, time, times, utc, zones_and_dates},
};

fn hours_between(day: &str, from: &str, until: &str, zone: Tz) -> (String, String, i64) {
    let interval = between(date(day), time(from), time(until), zone);
    let text = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%MZ").to_string();
    let length = interval.end - interval.start;
    (
        text(interval.start),
        text(interval.end),
        length.num_minutes(),
    )
}

#[test]
fn the_same_hours_are_longer_and_shorter_when_the_clock_is_changed() {
    for (zone, day, from, until, start, end, minutes) in [
        // Put forward from 02:00 to 03:00.
        (
            Tz::Europe__Zurich,
            "2026-03-29",
            "09:00",
            "17:00",
            "2026-03-29T07:00Z",
            "2026-03-29T15:00Z",
            480,
        ),
        (
            Tz::Europe__Zurich,
            "2026-03-29",
            "01:00",
            "04:00",
            "2026-03-29T00:00Z",
            "2026-03-29T02:00Z",
            120,
        ),
        (
            Tz::Europe__Zurich,
            "2026-03-29",
            "02:00",
            "03:00",
            "2026-03-29T01:00Z",
            "2026-03-29T01:00Z",
            0,
        ),
        (
            Tz::Europe__Zurich,
            "2026-03-29",
            "02:15",
            "02:45",
            "2026-03-29T01:00Z",
            "2026-03-29T01:00Z",
            0,
        ),
        (
            Tz::Europe__Zurich,
            "2026-03-29",
            "00:00",
            "24:00",
            "2026-03-28T23:00Z",
            "2026-03-29T22:00Z",
            23 * 60,
        ),
        // Put back from 03:00 to 02:00.
        (
            Tz::Europe__Zurich,
            "2026-10-25",
            "09:00",
            "17:00",
            "2026-10-25T08:00Z",
            "2026-10-25T16:00Z",
            480,
        ),
        (
            Tz::Europe__Zurich,
            "2026-10-25",
            "01:00",
            "04:00",
            "2026-10-24T23:00Z",
            "2026-10-25T03:00Z",
            240,
        ),
        (
            Tz::Europe__Zurich,
            "2026-10-25",
            "01:00",
            "02:00",
            "2026-10-24T23:00Z",
            "2026-10-25T00:00Z",
            60,
        ),
        (
            Tz::Europe__Zurich,
            "2026-10-25",
            "02:00",
            "03:00",
            "2026-10-25T00:00Z",
            "2026-10-25T02:00Z",
            120,
        ),
        (
            Tz::Europe__Zurich,
            "2026-10-25",
            "02:30",
            "04:00",
            "2026-10-25T00:30Z",
            "2026-10-25T03:00Z",
            150,
        ),
        (
            Tz::Europe__Zurich,
            "2026-10-25",
            "01:00",
            "02:30",
            "2026-10-24T23:00Z",
            "2026-10-25T01:30Z",
            150,
        ),
        (
            Tz::Europe__Zurich,
            "2026-10-25",
            "00:00",
            "24:00",
            "2026-10-24T22:00Z",
            "2026-10-25T23:00Z",
            25 * 60,
        ),
        // No midnight: from 00:00 to 01:00.
        (
            Tz::America__Sao_Paulo,
            "2018-11-03",
            "22:00",
            "24:00",
            "2018-11-04T01:00Z",
            "2018-11-04T03:00Z",
            120,
        ),
        (
            Tz::America__Sao_Paulo,
            "2018-11-04",
            "00:00",
            "02:00",
            "2018-11-04T03:00Z",
            "2018-11-04T04:00Z",
            60,
        ),
        (
            Tz::Africa__Cairo,
            "2026-04-24",
            "00:00",
            "02:00",
            "2026-04-23T22:00Z",
            "2026-04-23T23:00Z",
            60,
        ),
        (
            Tz::Asia__Beirut,
            "2026-03-29",
            "00:00",
            "02:00",
            "2026-03-28T22:00Z",
            "2026-03-28T23:00Z",
            60,
        ),
        // 23:00 to 24:00 twice, and midnight twice.
        (
            Tz::Africa__Cairo,
            "2026-10-29",
            "22:00",
            "24:00",
            "2026-10-29T19:00Z",
            "2026-10-29T22:00Z",
            180,
        ),
        (
            Tz::Atlantic__Azores,
            "2026-10-24",
            "22:00",
            "24:00",
            "2026-10-24T22:00Z",
            "2026-10-25T00:00Z",
            120,
        ),
        (
            Tz::Atlantic__Azores,
            "2026-10-25",
            "00:00",
            "02:00",
            "2026-10-25T00:00Z",
            "2026-10-25T03:00Z",
            180,
        ),
        // Half an hour, from 02:00 to 02:30 and back to 01:30.
        (
            Tz::Australia__Lord_Howe,
            "2026-10-04",
            "01:00",
            "04:00",
            "2026-10-03T14:30Z",
            "2026-10-03T17:00Z",
            150,
        ),
        (
            Tz::Australia__Lord_Howe,
            "2026-04-05",
            "01:00",
            "04:00",
            "2026-04-04T14:00Z",
            "2026-04-04T17:30Z",
            210,
        ),
        // The date skipped by Samoa.
        (
            Tz::Pacific__Apia,
            "2011-12-29",
            "00:00",
            "24:00",
            "2011-12-29T10:00Z",
            "2011-12-30T10:00Z",
            24 * 60,
        ),
        (
            Tz::Pacific__Apia,
            "2011-12-30",
            "00:00",
            "24:00",
            "2011-12-30T10:00Z",
            "2011-12-30T10:00Z",
            0,
        ),
        (
            Tz::Pacific__Apia,
            "2011-12-30",
            "09:00",
            "17:00",
            "2011-12-30T10:00Z",
            "2011-12-30T10:00Z",
            0,
        ),
        (
            Tz::Pacific__Apia,
            "2011-12-31",
            "00:00",
            "24:00",
            "2011-12-30T10:00Z",
            "2011-12-31T10:00Z",
            24 * 60,
        ),
    ] {
        assert_eq!(
            hours_between(day, from, until, zone),
            (start.to_owned(), end.to_owned(), minutes),
            "{zone} {day} {from} {until}"
        );
    }
}

#[test]
fn an_interval_touches_the_dates_that_it_has_a_part_of() {
    let zurich = Tz::Europe__Zurich;
    let touched = |start, end, zone| dates_touched(Interval::new(utc(start), utc(end)), zone);
    let one = |day| date(day)..=date(day);
    assert_eq!(
        touched("2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z", zurich),
        one("2026-03-02")
    );
    assert_eq!(
        touched("2026-03-01T22:59:00Z", "2026-03-02T23:01:00Z", zurich),
        date("2026-03-01")..=date("2026-03-03")
    );
    assert_eq!(
        touched("2026-03-02T23:00:00Z", "2026-03-02T23:00:00Z", zurich),
        one("2026-03-03")
    );
    // 00:00 of the 29th is shown before 23:30 of the 28th is shown again.
    assert_eq!(
        touched(
            "2006-10-29T02:45:00Z",
            "2006-10-29T03:00:00Z",
            Tz::America__St_Johns
        ),
        date("2006-10-28")..=date("2006-10-29")
    );
}

proptest! {
    #[test]
    fn every_time_that_exists_is_what_the_clock_shows(
        (zone, day) in zones_and_dates(1850..2110), one in times(), other in times(),
    ) {
        let local = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(one.minutes().into());
        let (start, end) = (instant_of_start(day, one, zone), instant_of_end(day, one, zone));
        let exists = zone.offset_from_local_datetime(&local) != LocalResult::None;
        prop_assert_eq!(shown(start, zone) == local, exists);
        prop_assert_eq!(shown(end, zone) == local, exists);
        prop_assert!(start <= end);
        let (early, late) = (one.min(other), one.max(other));
        prop_assert!(instant_of_start(day, early, zone) <= instant_of_start(day, late, zone));
        prop_assert!(instant_of_end(day, early, zone) <= instant_of_end(day, late, zone));
    }

    #[test]
    fn dates_leave_no_gap_and_touch_what_has_a_part_of_them(
        (zone, day) in zones_and_dates(1850..2110), from in -1500..3000_i64, minutes in 0..3000_i64,
    ) {
        let next = day.succ_opt().unwrap();
        let (whole, after) = (whole_date(day, zone), whole_date(next, zone));
        prop_assert!(whole.start <= whole.end && after.start <= whole.end);
        let start = whole.start + TimeDelta::minutes(from);
        let part = Interval::new(start, start + TimeDelta::minutes(minutes.max(1)));
        let near = day.iter_days().take(6);
        let near = near.chain((1..6).filter_map(|days| day.checked_sub_days(chrono::Days::new(days))));
        let touched = dates_touched(part, zone);
        let wanted: Intervals = [part].into_iter().collect();
        for date in near {
            let has_part = !wanted.intersect(&[whole_date(date, zone)].into_iter().collect()).is_empty();
            prop_assert!(!has_part || touched.contains(&date), "{} in {:?}", date, touched);
            prop_assert!(has_part || ![touched.start(), touched.end()].contains(&&date));
        }
    }

    #[test]
    fn no_date_at_all_panics(
        zone in proptest::sample::select(&chrono_tz::TZ_VARIANTS[..]),
        days in any::<i32>(), one in times(), other in times(),
    ) {
        let any = NaiveDate::from_num_days_from_ce_opt(days);
        for day in [any, Some(NaiveDate::MIN), Some(NaiveDate::MAX)].into_iter().flatten() {
            let interval = between(day, one.min(other), one.max(other), zone);
            prop_assert!(interval.start <= interval.end);
            dates_touched(interval, zone);
            dates_touched(Interval::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), zone);
        }
    }
}
