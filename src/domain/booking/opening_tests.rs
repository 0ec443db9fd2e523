use chrono::{Days, LocalResult, NaiveTime, TimeDelta, TimeZone, Timelike};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::booking::{
    Weekday,
    testing::{at, date, id, schedule, schedules, utc, zones_and_dates},
};

const ZURICH: Tz = Tz::Europe__Zurich;

fn provider() -> Subject {
    Subject::Provider(id(1))
}

fn operatory() -> Subject {
    Subject::Operatory(id(1))
}

/// The schedule as one of the provider's own.
fn own(schedule: &Schedule) -> Schedule {
    Schedule {
        provider_id: Some(id(1)),
        ..schedule.clone()
    }
}

fn rooms(schedule: &Schedule) -> Schedule {
    Schedule {
        operatory_id: Some(id(1)),
        ..schedule.clone()
    }
}

fn weekly(weekday: Weekday, hours: (&str, &str)) -> Schedule {
    Schedule {
        weekday: Some(weekday),
        ..at(hours, &schedule(ScheduleKind::Weekly))
    }
}

fn dated(kind: ScheduleKind, day: &str, hours: (&str, &str)) -> Schedule {
    Schedule {
        valid_from: Some(date(day)),
        valid_until: Some(date(day)),
        ..at(hours, &schedule(kind))
    }
}

/// The hours in readable form: `09:00-12:00 13:00-17:00`.
fn read(subject: Subject, schedules: &[Schedule], day: &str) -> String {
    let hours = Timetable::new(schedules).hours_on(subject, date(day), ZURICH);
    let texts = hours.hours.iter();
    let texts: Vec<_> = texts
        .map(|one| format!("{}-{}", one.start_time, one.end_time))
        .collect();
    texts.join(" ")
}

// 2026-03-02 is a Monday.
const MONDAY: &str = "2026-03-02";
const TUESDAY: &str = "2026-03-03";

#[test]
fn a_provider_works_by_own_dates_then_own_weeks_then_as_the_organization_does() {
    let house = weekly(Weekday::Monday, ("08:00", "18:00"));
    assert_eq!(read(provider(), &[], MONDAY), "");
    assert_eq!(
        read(provider(), std::slice::from_ref(&house), MONDAY),
        "08:00-18:00"
    );
    assert_eq!(read(provider(), std::slice::from_ref(&house), TUESDAY), "");
    // Dates of the organization take precedence over its weeks.
    let house_date = dated(ScheduleKind::Date, MONDAY, ("10:00", "11:00"));
    let all = [house.clone(), house_date.clone()];
    assert_eq!(read(provider(), &all, MONDAY), "10:00-11:00");
    // A provider with a weekly schedule has a day off on the other days.
    let tuesday = own(&weekly(Weekday::Tuesday, ("09:00", "12:00")));
    let all = [house.clone(), house_date.clone(), tuesday.clone()];
    assert_eq!(read(provider(), &all, MONDAY), "");
    assert_eq!(read(provider(), &all, TUESDAY), "09:00-12:00");
    // But not because of a week that is no longer valid.
    let past = Schedule {
        valid_until: Some(date("2026-03-01")),
        ..tuesday.clone()
    };
    assert_eq!(
        read(provider(), &[house.clone(), past], MONDAY),
        "08:00-18:00"
    );
    // Their own dates replace all of that, and are combined.
    let one = own(&dated(ScheduleKind::Date, MONDAY, ("13:00", "14:00")));
    let other = own(&dated(ScheduleKind::Date, MONDAY, ("14:00", "15:00")));
    let all = [house, house_date, tuesday, one, other];
    assert_eq!(read(provider(), &all, MONDAY), "13:00-15:00");
    assert_eq!(read(provider(), &all, TUESDAY), "09:00-12:00");
}

#[test]
fn an_operatory_is_open_all_day_unless_it_has_hours_of_its_own() {
    let house = weekly(Weekday::Monday, ("08:00", "18:00"));
    assert_eq!(
        read(operatory(), std::slice::from_ref(&house), MONDAY),
        "00:00-24:00"
    );
    let week = rooms(&weekly(Weekday::Monday, ("09:00", "12:00")));
    let all = [
        house,
        week,
        rooms(&dated(ScheduleKind::Date, TUESDAY, ("07:00", "08:00"))),
    ];
    assert_eq!(read(operatory(), &all, MONDAY), "09:00-12:00");
    assert_eq!(read(operatory(), &all, TUESDAY), "07:00-08:00");
    assert_eq!(read(operatory(), &all, "2026-03-04"), "");
}

#[test]
fn holidays_take_dates_and_blockouts_take_hours_from_both() {
    let house = weekly(Weekday::Monday, ("08:00", "18:00"));
    let lunch = at(("12:00", "13:00"), &schedule(ScheduleKind::Blockout));
    let all = [house.clone(), lunch.clone()];
    assert_eq!(read(provider(), &all, MONDAY), "08:00-12:00 13:00-18:00");
    assert_eq!(read(operatory(), &all, MONDAY), "00:00-12:00 13:00-24:00");
    let all = [house.clone(), own(&lunch)];
    assert_eq!(read(provider(), &all, MONDAY), "08:00-12:00 13:00-18:00");
    assert_eq!(read(operatory(), &all, MONDAY), "00:00-24:00");
    let holiday = Schedule {
        start_time: None,
        end_time: None,
        ..dated(ScheduleKind::Holiday, MONDAY, ("00:00", "24:00"))
    };
    for (holiday, works, opens) in [
        (holiday.clone(), "", ""),
        (own(&holiday), "", "00:00-24:00"),
        (rooms(&holiday), "08:00-18:00", ""),
    ] {
        let all = [house.clone(), holiday];
        assert_eq!(read(provider(), &all, MONDAY), works);
        assert_eq!(read(operatory(), &all, MONDAY), opens);
    }
}

#[test]
fn the_grid_is_that_before_holidays_and_blockouts() {
    let morning = own(&dated(ScheduleKind::Date, MONDAY, ("08:00", "12:00")));
    let afternoon = own(&dated(ScheduleKind::Date, MONDAY, ("12:00", "18:00")));
    let lunch = at(("12:00", "13:00"), &schedule(ScheduleKind::Blockout));
    let all = [afternoon, lunch, morning];
    let day = Timetable::new(&all).hours_on(provider(), date(MONDAY), ZURICH);
    assert_eq!(day.shifts.as_slice().len(), 1);
    assert_eq!(day.shifts.as_slice()[0].start, utc("2026-03-02T07:00:00Z"));
    assert_eq!(day.open.length(), TimeDelta::hours(9));
    assert_eq!(
        serde_json::to_value(&day).unwrap(),
        json!({"date": MONDAY, "open": [
            {"start_time": "08:00", "end_time": "12:00"},
            {"start_time": "13:00", "end_time": "18:00"},
        ]})
    );
}

#[test]
fn an_appointment_fits_over_midnight_where_both_days_are_open() {
    let all = [schedule(ScheduleKind::Blockout)];
    let days = Timetable::new(&all).hours(operatory(), date(MONDAY)..=date(TUESDAY), ZURICH);
    assert_eq!(days.len(), 2);
    let fits = |start, end| fits(&days, utc(start), utc(end));
    assert!(fits("2026-03-02T22:30:00Z", "2026-03-02T23:30:00Z"));
    assert!(fits("2026-03-02T16:00:00Z", "2026-03-03T08:00:00Z"));
    assert!(!fits("2026-03-02T15:59:00Z", "2026-03-02T17:00:00Z"));
    assert!(!fits("2026-03-03T22:30:00Z", "2026-03-03T23:30:00Z"));
}

/// Returns `true` if a minute of the date is open: the rules of [`Timetable::hours`] again, by
/// checking every minute against the schedules.
fn is_open(subject: Subject, all: &[Schedule], date: NaiveDate, minute: u16) -> bool {
    let of_house = |s: &&Schedule| s.provider_id.is_none() && s.operatory_id.is_none();
    let of_subject = |s: &&Schedule| match subject {
        Subject::Provider(id) => s.provider_id == Some(id),
        Subject::Operatory(id) => s.operatory_id == Some(id),
    };
    let has = |s: &Schedule| {
        s.counts_on(date)
            && s.start_time.is_none_or(|start| start.minutes() <= minute)
            && s.end_time.is_none_or(|end| minute < end.minutes())
    };
    let is_closed = all
        .iter()
        .filter(|s| of_house(s) || of_subject(s))
        .any(|s| matches!(s.kind, ScheduleKind::Holiday | ScheduleKind::Blockout) && has(s));
    let works = |by: &dyn Fn(&&Schedule) -> bool| {
        let of = |kind| all.iter().filter(by).filter(move |s| s.kind == kind);
        let any_week = Schedule::clone;
        let is_valid = |s: &Schedule| {
            Schedule {
                weekday: None,
                ..any_week(s)
            }
            .counts_on(date)
        };
        if of(ScheduleKind::Date).any(|s| s.counts_on(date)) {
            Some(of(ScheduleKind::Date).any(has))
        } else if of(ScheduleKind::Weekly).any(is_valid) {
            Some(of(ScheduleKind::Weekly).any(has))
        } else {
            None
        }
    };
    let house = || match subject {
        Subject::Provider(_) => works(&of_house).unwrap_or(false),
        Subject::Operatory(_) => true,
    };
    works(&of_subject).unwrap_or_else(house) && !is_closed
}

fn any_day() -> impl Strategy<Value = (Tz, NaiveDate, Vec<Schedule>)> {
    zones_and_dates(1975..2100).prop_flat_map(|(zone, date)| {
        schedules(date).prop_map(move |schedules| (zone, date, schedules))
    })
}

proptest! {
    #[test]
    fn what_is_open_is_what_the_schedules_say_of_each_minute_on_the_clock(
        (zone, day, schedules) in any_day(), is_provider in any::<bool>(),
    ) {
        let subject = if is_provider { provider() } else { operatory() };
        let hours = Timetable::new(&schedules).hours_on(subject, day, zone);
        for minute in 0..1440 {
            let wanted = is_open(subject, &schedules, day, minute);
            let read = hours.hours.iter().any(|one| {
                one.start_time.minutes() <= minute && minute < one.end_time.minutes()
            });
            prop_assert_eq!(read, wanted, "{}", minute);
            let local = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(minute.into());
            let whole = clock::whole_date(day, zone);
            let is_doubled = whole.end - whole.start > TimeDelta::hours(24);
            if let Some(at) = zone.from_local_datetime(&local).single() && !is_doubled {
                let at = at.to_utc();
                let minute = Interval::new(at, at + TimeDelta::minutes(1));
                prop_assert_eq!(hours.open.contains(minute), wanted, "{}", at);
            }
        }
        // Nothing else is open, such as an hour that the clock skips.
        for one in &hours.open {
            let is_after_gap = clock::offset_before(one.start, zone) != clock::offset(one.start, zone);
            prop_assert!(is_after_gap || clock::shown(one.start, zone).minute().is_multiple_of(15));
        }
        prop_assert!(hours.open.subtract(&hours.shifts).is_empty());
        let whole: Intervals = [clock::whole_date(day, zone)].into_iter().collect();
        prop_assert!(hours.shifts.subtract(&whole).is_empty());
    }

    #[test]
    fn nine_to_five_is_nine_to_five_on_the_clock_of_every_date(
        (zone, day) in zones_and_dates(1975..2100),
    ) {
        let all = [own(&dated(ScheduleKind::Date, &day.to_string(), ("09:00", "17:00")))];
        let hours = Timetable::new(&all).hours_on(provider(), day, zone);
        match hours.open.as_slice() {
            [only] => {
                // In Athens, the clock was once put forward at 09:00.
                let exists = |local: &str| {
                    let local = local.parse().unwrap();
                    zone.offset_from_local_datetime(&local) != LocalResult::None
                };
                for (at, time) in [(only.start, "09:00:00"), (only.end, "17:00:00")] {
                    let wanted = format!("{day}T{time}");
                    let shown = format!("{:?}", clock::shown(at, zone));
                    prop_assert_eq!(shown == wanted, exists(&wanted), "{}", shown);
                }
            }
            // The whole date is skipped.
            none => prop_assert!(none.is_empty() && clock::whole_date(day, zone).is_empty()),
        }
    }

    #[test]
    fn a_range_of_dates_is_each_of_them(
        (zone, day, schedules) in any_day(), days in 0..5_u64,
    ) {
        let table = Timetable::new(&schedules);
        let last = day + Days::new(days);
        let all = table.hours(provider(), day..=last, zone);
        prop_assert_eq!(all.len() as u64, days + 1);
        let sum: TimeDelta = all.iter().map(|day| day.open.length()).sum();
        prop_assert!(open_time(&all).length() <= sum);
    }
}
