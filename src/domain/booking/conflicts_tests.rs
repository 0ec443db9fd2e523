use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::booking::{
    ScheduleKind, Weekday, opening,
    testing::{at, date, id, schedule, schedules, utc, zones_and_dates},
};

const ZURICH: Tz = Tz::Europe__Zurich;

fn booking(number: u128, starts_at: &str, ends_at: &str) -> Booking {
    Booking {
        id: id(number),
        provider_id: id(1),
        operatory_id: Some(id(1)),
        starts_at: utc(starts_at),
        ends_at: utc(ends_at),
    }
}

#[test]
fn a_conflict_names_its_kind_and_what_it_is_about() {
    let monday = Schedule {
        weekday: Some(Weekday::Monday),
        ..schedule(ScheduleKind::Weekly)
    };
    let other = Schedule {
        id: id(2),
        ..at(("16:00", "18:00"), &monday)
    };
    let closed = Schedule {
        id: id(3),
        operatory_id: Some(id(1)),
        ..at(("12:00", "13:00"), &schedule(ScheduleKind::Blockout))
    };
    let all = [monday, other, closed];
    let pairs = overlapping(&all);
    assert_eq!(
        serde_json::to_value(&pairs).unwrap(),
        json!([{
            "kind": "overlapping_schedules",
            "schedule_id": "00000000-0000-0000-0000-000000000001",
            "other_id": "00000000-0000-0000-0000-000000000002",
        }])
    );
    // 2026-03-02 is a Monday; in Zurich it is one hour later than UTC.
    let bookings = [
        booking(1, "2026-03-02T16:30:00Z", "2026-03-02T17:00:00Z"),
        booking(2, "2026-03-02T16:30:00Z", "2026-03-02T17:01:00Z"),
        booking(3, "2026-03-02T11:30:00Z", "2026-03-02T12:30:00Z"),
        booking(4, "2026-03-03T09:00:00Z", "2026-03-03T09:30:00Z"),
    ];
    assert_eq!(
        serde_json::to_value(outside_hours(&bookings, &all, ZURICH)).unwrap(),
        json!([
            {
                "kind": "outside_hours",
                "appointment_id": "00000000-0000-0000-0000-000000000002",
                "provider_id": "00000000-0000-0000-0000-000000000001",
                "starts_at": "2026-03-02T16:30:00Z",
            },
            {
                "kind": "operatory_closed",
                "appointment_id": "00000000-0000-0000-0000-000000000003",
                "operatory_id": "00000000-0000-0000-0000-000000000001",
                "starts_at": "2026-03-02T11:30:00Z",
            },
            {
                "kind": "outside_hours",
                "appointment_id": "00000000-0000-0000-0000-000000000004",
                "provider_id": "00000000-0000-0000-0000-000000000001",
                "starts_at": "2026-03-03T09:00:00Z",
            },
        ])
    );
}

#[test]
fn an_appointment_over_midnight_is_in_the_hours_of_two_dates() {
    let nights: Vec<_> = [("22:00", "24:00"), ("00:00", "06:00")]
        .into_iter()
        .map(|hours| Schedule {
            valid_from: Some(date("2026-03-02")),
            valid_until: Some(date("2026-03-03")),
            ..at(hours, &schedule(ScheduleKind::Date))
        })
        .collect();
    let over = |start, end| {
        let night = Booking {
            operatory_id: None,
            ..booking(1, start, end)
        };
        outside_hours(&[night], &nights, ZURICH).is_empty()
    };
    assert!(over("2026-03-02T22:30:00Z", "2026-03-02T23:30:00Z"));
    assert!(!over("2026-03-03T22:30:00Z", "2026-03-03T23:30:00Z"));
}

proptest! {
    #[test]
    fn every_pair_that_overlaps_is_named_once(
        all in schedules(date("2026-03-02")),
    ) {
        let mut expected = Vec::new();
        for (number, one) in all.iter().enumerate() {
            for other in &all[number + 1..] {
                if one.overlaps(other) {
                    expected.push(Conflict::OverlappingSchedules {
                        schedule_id: one.id,
                        other_id: other.id,
                    });
                }
            }
        }
        prop_assert_eq!(overlapping(&all), expected);
    }

    #[test]
    fn an_appointment_is_outside_exactly_where_it_does_not_fit(
        ((zone, day), all) in zones_and_dates(1975..2100)
            .prop_flat_map(|(zone, day)| (Just((zone, day)), schedules(day))),
        times in proptest::collection::vec((-600..2000_i64, 1..600_i64, 1..3_u128, 0..3_u128), 1..8),
    ) {
        let midnight = clock::whole_date(day, zone).start;
        let minutes = chrono::TimeDelta::minutes;
        let bookings: Vec<_> = times.iter().enumerate().map(|(number, &(start, length, provider, room))| Booking {
            id: id(number as u128),
            provider_id: id(provider),
            operatory_id: (room > 0).then(|| id(room)),
            starts_at: midnight + minutes(start),
            ends_at: midnight + minutes(start + length),
        }).collect();
        let found = outside_hours(&bookings, &all, zone);
        let table = Timetable::new(&all);
        let mut expected = Vec::new();
        for one in &bookings {
            let dates = day - chrono::Days::new(4)..=day + chrono::Days::new(4);
            let fits = |subject| {
                opening::fits(&table.hours(subject, dates.clone(), zone), one.starts_at, one.ends_at)
            };
            if !fits(Subject::Provider(one.provider_id)) {
                expected.push(("outside", one.id));
            } else if one.operatory_id.is_some_and(|id| !fits(Subject::Operatory(id))) {
                expected.push(("closed", one.id));
            }
        }
        let found: Vec<_> = found.iter().map(|conflict| match conflict {
            Conflict::OutsideHours { appointment_id, .. } => ("outside", *appointment_id),
            Conflict::OperatoryClosed { appointment_id, .. } => ("closed", *appointment_id),
            Conflict::OverlappingSchedules { .. } => ("overlap", id(0)),
        }).collect();
        prop_assert_eq!(found, expected);
    }
}
