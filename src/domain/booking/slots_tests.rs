use chrono::{NaiveTime, TimeZone};
use serde_json::json;

use super::*;
use crate::domain::booking::{
    Schedule, ScheduleKind, Subject, Timetable,
    testing::{at, date, id, schedule, time, utc},
};

#[path = "slots_properties.rs"]
mod properties;

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

fn search(day: &str) -> SlotSearch {
    SlotSearch {
        first_date: date(day),
        days: 1,
        length: minutes(30),
        step: minutes(30),
        earliest: DateTime::<Utc>::MIN_UTC,
        time_from: None,
        time_until: None,
        limit: 10_000,
    }
}

/// The organization's schedules: these hours on every date.
fn every_day(hours: &[(&str, &str)]) -> Vec<Schedule> {
    let dated = Schedule {
        valid_from: Some(date("1900-01-01")),
        valid_until: Some(date("2100-01-01")),
        ..schedule(ScheduleKind::Date)
    };
    hours.iter().map(|hours| at(*hours, &dated)).collect()
}

fn provider(
    number: u128,
    schedules: &[Schedule],
    search: &SlotSearch,
    zone: Tz,
    busy: &[(&str, &str)],
) -> ProviderTime {
    let table = Timetable::new(schedules);
    let busy = busy
        .iter()
        .map(|(start, end)| Interval::new(utc(start), utc(end)));
    ProviderTime {
        provider_id: id(number),
        open: table.hours(Subject::Provider(id(number)), search.dates(zone), zone),
        busy: busy.collect(),
    }
}

fn room(number: u128, search: &SlotSearch, zone: Tz, busy: &[(&str, &str)]) -> RoomTime {
    let table = Timetable::default();
    let busy = busy
        .iter()
        .map(|(start, end)| Interval::new(utc(start), utc(end)));
    RoomTime {
        operatory_id: id(number),
        open: table.hours(Subject::Operatory(id(number)), search.dates(zone), zone),
        busy: busy.collect(),
    }
}

/// The starts on the clock, with the offset.
fn starts(search: &SlotSearch, schedules: &[Schedule], zone: Tz) -> Vec<String> {
    let provider = provider(1, schedules, search, zone, &[]);
    let slots = search.slots(&[provider], &Rooms::NotNeeded, zone);
    slots
        .map(|slot| slot.local_start.format("%d %H:%M%:z").to_string())
        .collect()
}

#[test]
fn a_slot_in_an_hour_that_is_skipped_is_none_and_in_one_that_comes_twice_is_two() {
    let night = every_day(&[("01:00", "04:00")]);
    assert_eq!(
        starts(&search("2026-03-29"), &night, Tz::Europe__Zurich),
        [
            "29 01:00+01:00",
            "29 01:30+01:00",
            "29 03:00+02:00",
            "29 03:30+02:00"
        ]
    );
    assert_eq!(
        starts(&search("2026-10-25"), &night, Tz::Europe__Zurich),
        [
            "25 01:00+02:00",
            "25 01:30+02:00",
            "25 02:00+02:00",
            "25 02:30+02:00",
            "25 02:00+01:00",
            "25 02:30+01:00",
            "25 03:00+01:00",
            "25 03:30+01:00",
        ]
    );
    assert_eq!(
        starts(&search("2026-04-05"), &night, Tz::Australia__Lord_Howe),
        [
            "05 01:00+11:00",
            "05 01:30+11:00",
            "05 01:30+10:30",
            "05 02:00+10:30",
            "05 02:30+10:30",
            "05 03:00+10:30",
            "05 03:30+10:30",
        ]
    );
    let early = every_day(&[("00:00", "02:00")]);
    assert_eq!(
        starts(&search("2018-11-04"), &early, Tz::America__Sao_Paulo),
        ["04 01:00-02:00", "04 01:30-02:00"]
    );
    assert!(starts(&search("2011-12-30"), &early, Tz::Pacific__Apia).is_empty());
    // 23:30 repeats after 00:00: no start is found twice, and none is missing.
    let all_day = every_day(&[("00:00", "24:00")]);
    let found = SlotSearch {
        days: 2,
        ..search("2006-10-28")
    };
    let found = starts(&found, &all_day, Tz::America__St_Johns);
    assert_eq!(found.len(), 2 * 49);
}

#[test]
fn a_clinic_that_never_closes_has_slots_over_midnight_unless_a_time_is_wanted() {
    let all_day = every_day(&[("00:00", "24:00")]);
    let zone = Tz::Europe__Zurich;
    let long = SlotSearch {
        length: minutes(90),
        ..search("2026-03-02")
    };
    let found = starts(&long, &all_day, zone);
    assert_eq!(found.len(), 48);
    assert_eq!(found.last().unwrap(), "02 23:30+01:00");
    let wanted = SlotSearch {
        time_from: Some(time("21:00")),
        ..long.clone()
    };
    // The last ends at 24:00.
    assert_eq!(
        starts(&wanted, &all_day, zone),
        [
            "02 21:00+01:00",
            "02 21:30+01:00",
            "02 22:00+01:00",
            "02 22:30+01:00"
        ]
    );
    let wanted = SlotSearch {
        time_until: Some(time("02:00")),
        ..long.clone()
    };
    assert_eq!(
        starts(&wanted, &all_day, zone),
        ["02 00:00+01:00", "02 00:30+01:00"]
    );
    // Midnight is skipped: an interval that ends then ends at 24:00, not at 01:00.
    let wanted = SlotSearch {
        time_from: Some(time("22:30")),
        first_date: date("2018-11-03"),
        ..long
    };
    assert_eq!(
        starts(&wanted, &all_day, Tz::America__Sao_Paulo),
        ["03 22:30-03:00"]
    );
}

#[test]
fn the_grid_of_the_afternoon_is_not_moved_by_lunch() {
    let mut day = every_day(&[("09:00", "15:00")]);
    day.push(at(("12:00", "13:00"), &schedule(ScheduleKind::Blockout)));
    let wanted = SlotSearch {
        length: minutes(45),
        step: minutes(45),
        ..search("2026-07-01")
    };
    let found = starts(&wanted, &day, Tz::Europe__Zurich);
    let clock: Vec<_> = found.iter().map(|text| &text[3..8]).collect();
    assert_eq!(
        clock,
        ["09:00", "09:45", "10:30", "11:15", "13:30", "14:15"]
    );
}

#[test]
fn slots_are_by_start_then_provider_in_the_first_room_that_is_free() {
    let zone = Tz::UTC;
    let search = SlotSearch {
        earliest: utc("2026-03-02T09:01:00Z"),
        limit: 5,
        ..search("2026-03-02")
    };
    let day = every_day(&[("09:00", "12:00")]);
    let providers = [
        provider(
            7,
            &day,
            &search,
            zone,
            &[("2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z")],
        ),
        provider(3, &day, &search, zone, &[]),
    ];
    let rooms = Rooms::OneOf(vec![
        room(
            2,
            &search,
            zone,
            &[("2026-03-02T09:00:00Z", "2026-03-02T10:29:00Z")],
        ),
        room(
            1,
            &search,
            zone,
            &[("2026-03-02T10:10:00Z", "2026-03-02T10:50:00Z")],
        ),
    ]);
    let found = search.slots(&providers, &rooms, zone);
    let found: Vec<_> = found
        .map(|slot| {
            let start = slot.starts_at.format("%H:%M").to_string();
            let room = slot.operatory_id.map(|room| room.as_uuid().as_u128());
            (start, slot.provider_id.as_uuid().as_u128(), room.unwrap())
        })
        .collect();
    let expected = [
        ("09:30", 3, 1),
        // 10:00: the one room until 10:29, the other from 10:10.
        ("10:30", 7, 2),
        ("10:30", 3, 2),
        ("11:00", 7, 2),
        ("11:00", 3, 2),
    ];
    assert_eq!(
        found,
        expected.map(|(start, who, room)| (start.to_owned(), who, room))
    );
    assert_eq!(
        search
            .slots(&providers, &Rooms::OneOf(vec![]), zone)
            .count(),
        0
    );
}

#[test]
fn a_slot_is_told_in_utc_and_on_the_clock() {
    let zone = Tz::Europe__Zurich;
    let search = search("2026-07-01");
    let provider = provider(1, &every_day(&[("09:00", "09:30")]), &search, zone, &[]);
    let slots: Vec<_> = search.slots(&[provider], &Rooms::NotNeeded, zone).collect();
    assert_eq!(
        serde_json::to_value(slots).unwrap(),
        json!([{
            "starts_at": "2026-07-01T07:00:00Z",
            "ends_at": "2026-07-01T07:30:00Z",
            "local_start": "2026-07-01T09:00:00+02:00",
            "provider_id": "00000000-0000-0000-0000-000000000001",
            "operatory_id": null,
        }])
    );
}

#[test]
fn the_next_slots_are_those_after_the_time_that_is_taken() {
    let zone = Tz::Europe__Zurich;
    let after = utc("2026-07-01T14:00:00Z");
    let search = SlotSearch::alternatives(after, minutes(30), 3, zone);
    assert_eq!(search.first_date, date("2026-07-01"));
    let day = every_day(&[("09:00", "17:00")]);
    let busy = [("2026-07-01T14:00:00Z", "2026-07-01T14:30:00Z")];
    let provider = provider(1, &day, &search, zone, &busy);
    let next: Vec<_> = search
        .slots(std::slice::from_ref(&provider), &Rooms::NotNeeded, zone)
        .map(|slot| slot.starts_at)
        .collect();
    assert_eq!(
        next,
        [
            utc("2026-07-01T14:30:00Z"),
            utc("2026-07-02T07:00:00Z"),
            utc("2026-07-02T07:30:00Z"),
        ]
    );
}

#[test]
fn the_window_holds_what_the_last_slot_may_reach() {
    let long = SlotSearch {
        days: 2,
        length: TimeDelta::hours(24),
        ..search("2026-03-28")
    };
    let zone = Tz::Europe__Zurich;
    // The 29th has 23 hours.
    assert_eq!(long.dates(zone), date("2026-03-28")..=date("2026-03-30"));
    let window = long.window(zone);
    assert_eq!(
        window,
        Interval::new(utc("2026-03-27T23:00:00Z"), utc("2026-03-30T22:00:00Z"))
    );
    let none = SlotSearch { days: 0, ..long };
    let all_day = every_day(&[("00:00", "24:00")]);
    assert!(starts(&none, &all_day, zone).is_empty());
}
