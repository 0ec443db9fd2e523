//! Properties of arbitrary searches, compared with a search that checks every minute.

use proptest::prelude::*;

use super::*;
use crate::domain::booking::testing::{schedules, times, zones_and_dates};

/// A search and its inputs.
#[derive(Clone, Debug)]
struct Case {
    zone: Tz,
    search: SlotSearch,
    schedules: Vec<Schedule>,
    providers: Vec<ProviderTime>,
    rooms: Rooms,
}

fn cases(years: std::ops::Range<i32>) -> impl Strategy<Value = Case> {
    let parts = zones_and_dates(years).prop_flat_map(|(zone, day)| {
        (
            Just((zone, day)),
            schedules(day),
            (1..4_u32, 1..30_i64, 2..20_i64, -600..1500_i64, 0..400_usize),
            (
                proptest::option::weighted(0.2, times()),
                proptest::option::weighted(0.2, times()),
            ),
            proptest::collection::vec(busy(), 2),
            proptest::option::of(proptest::collection::vec(busy(), 0..3)),
        )
    });
    parts.prop_map(
        |((zone, day), schedules, numbers, times, providers, rooms)| {
            let (days, length, step, earliest, limit) = numbers;
            let midnight = clock::whole_date(day, zone).start;
            let search = SlotSearch {
                first_date: day,
                days,
                length: minutes(length * 10),
                step: minutes(step * 5),
                earliest: midnight + minutes(earliest),
                time_from: times.0,
                time_until: times.1,
                limit,
            };
            let table = Timetable::new(&schedules);
            let hours = |subject| table.hours(subject, search.dates(zone), zone);
            let busy = |all: &[(i64, i64)]| -> Intervals {
                let all = all.iter().map(|(start, length)| {
                    let start = midnight + minutes(*start);
                    Interval::new(start, start + minutes(*length))
                });
                all.collect()
            };
            // The second is first in order.
            let providers = providers
                .iter()
                .zip([2, 1])
                .map(|(taken, number)| ProviderTime {
                    provider_id: id(number),
                    open: hours(Subject::Provider(id(number))),
                    busy: busy(taken),
                });
            let rooms = rooms.map(|rooms| {
                let rooms = rooms.iter().zip([1, 2]).map(|(taken, number)| RoomTime {
                    operatory_id: id(number),
                    open: hours(Subject::Operatory(id(number))),
                    busy: busy(taken),
                });
                rooms.collect()
            });
            Case {
                zone,
                providers: providers.collect(),
                rooms: rooms.map_or(Rooms::NotNeeded, Rooms::OneOf),
                search,
                schedules,
            }
        },
    )
}

/// Appointments: minutes after midnight, and how long.
fn busy() -> impl Strategy<Value = Vec<(i64, i64)>> {
    proptest::collection::vec((-100..5000_i64, 1..400_i64), 0..8)
}

/// The free minutes of a window, and the number of them before each.
struct Minutes {
    start: DateTime<Utc>,
    free_before: Vec<i64>,
}

impl Minutes {
    fn new(window: Interval, open: &[DayHours], busy: &Intervals) -> Self {
        let mut free_before = vec![0];
        let mut at = window.start;
        while at < window.end {
            let has = |one: &Interval| one.start <= at && at < one.end;
            let is_open = open.iter().any(|day| day.open.iter().any(has));
            let is_free = is_open && !busy.iter().any(has);
            free_before.push(free_before[free_before.len() - 1] + i64::from(is_free));
            at += minutes(1);
        }
        Self {
            start: window.start,
            free_before,
        }
    }

    fn is_free(&self, start: DateTime<Utc>, length: TimeDelta) -> bool {
        let first = (start - self.start).num_minutes();
        let last = first + length.num_minutes();
        let before = |minute: i64| self.free_before[usize::try_from(minute).unwrap()];
        before(last) - before(first) == length.num_minutes()
    }
}

/// The same search, one grid point after the other.
fn expected(case: &Case) -> Vec<Slot> {
    let Case { zone, search, .. } = case;
    let window = search.window(*zone);
    let mut found = Vec::new();
    let is_first = |provider: &ProviderTime, date: NaiveDate, at: DateTime<Utc>| {
        let later = provider
            .open
            .iter()
            .filter(|day| day.date > date && search.is_on(day.date));
        !later
            .into_iter()
            .any(|day| day.shifts.iter().any(|shift| shift.start <= at))
    };
    for (index, provider) in case.providers.iter().enumerate() {
        let free = Minutes::new(window, &provider.open, &provider.busy);
        for day in &provider.open {
            let last = search.first_date + Days::new(search.days.into());
            if day.date < search.first_date || last <= day.date {
                continue;
            }
            for shift in &day.shifts {
                let mut at = shift.start;
                while at < shift.end {
                    let is_found = search.earliest <= at
                        && is_first(provider, day.date, at)
                        && free.is_free(at, search.length)
                        && is_wanted(search, *zone, at);
                    if is_found {
                        found.push((at, index));
                    }
                    at += search.step;
                }
            }
        }
    }
    found.sort();
    let rooms = match &case.rooms {
        Rooms::NotNeeded => None,
        Rooms::OneOf(rooms) => Some(rooms),
    };
    let rooms = rooms.map(|rooms| {
        let free = |room: &RoomTime| Minutes::new(window, &room.open, &room.busy);
        rooms
            .iter()
            .map(|room| (room.operatory_id, free(room)))
            .collect::<Vec<_>>()
    });
    let slots = found.into_iter().filter_map(|(starts_at, index)| {
        let operatory_id = match &rooms {
            None => None,
            Some(rooms) => {
                let mut free = rooms
                    .iter()
                    .filter(|(_, free)| free.is_free(starts_at, search.length));
                Some(free.next()?.0)
            }
        };
        Some(Slot {
            starts_at,
            ends_at: starts_at + search.length,
            local_start: starts_at.with_timezone(zone).fixed_offset(),
            provider_id: case.providers[index].provider_id,
            operatory_id,
        })
    });
    slots.take(search.limit).collect()
}

fn is_wanted(search: &SlotSearch, zone: Tz, at: DateTime<Utc>) -> bool {
    if search.time_from.is_none() && search.time_until.is_none() {
        return true;
    }
    let shown = |at: DateTime<Utc>| zone.from_utc_datetime(&at.naive_utc()).naive_local();
    let (first, last) = (shown(at), shown(at + search.length - minutes(1)));
    let minute = |time: NaiveTime| (time - NaiveTime::MIN).num_minutes();
    let from = search.time_from.map_or(0, |time| time.minutes().into());
    let until = search.time_until.map_or(1440, |time| time.minutes().into());
    first.date() == last.date() && from <= minute(first.time()) && minute(last.time()) < until
}

proptest! {
    #[test]
    fn a_search_finds_what_looking_at_every_minute_finds(case in cases(1975..2100)) {
        let found: Vec<_> = case.search.slots(&case.providers, &case.rooms, case.zone).collect();
        prop_assert_eq!(found, expected(&case));
    }

    #[test]
    fn slots_are_free_open_of_the_length_in_order_and_each_once(case in cases(1850..2100)) {
        let Case { search, zone, .. } = &case;
        let slots: Vec<_> = search.slots(&case.providers, &case.rooms, *zone).collect();
        prop_assert!(slots.len() <= search.limit);
        let place = |slot: &Slot| {
            let mut providers = case.providers.iter();
            (slot.starts_at, providers.position(|one| one.provider_id == slot.provider_id))
        };
        prop_assert!(slots.windows(2).all(|two| place(&two[0]) < place(&two[1])));
        for slot in &slots {
            let interval = Interval::new(slot.starts_at, slot.ends_at);
            prop_assert_eq!(slot.ends_at - slot.starts_at, search.length);
            prop_assert!(slot.starts_at >= search.earliest);
            prop_assert_eq!(slot.local_start.naive_local(), clock::shown(slot.starts_at, *zone));
            let overlaps = |busy: &Intervals| {
                busy.iter().any(|one| one.start < interval.end && interval.start < one.end)
            };
            let provider = case.providers.iter().find(|one| one.provider_id == slot.provider_id);
            let provider = provider.unwrap();
            prop_assert!(!overlaps(&provider.busy));
            prop_assert!(super::super::super::opening::fits(&provider.open, slot.starts_at, slot.ends_at));
            match &case.rooms {
                Rooms::NotNeeded => prop_assert_eq!(slot.operatory_id, None),
                Rooms::OneOf(rooms) => {
                    let room = rooms.iter().find(|room| Some(room.operatory_id) == slot.operatory_id);
                    prop_assert!(!overlaps(&room.unwrap().busy));
                }
            }
        }
        // A search with a smaller limit returns a prefix.
        let fewer = SlotSearch { limit: search.limit / 2, ..search.clone() };
        let fewer: Vec<_> = fewer.slots(&case.providers, &case.rooms, *zone).collect();
        prop_assert_eq!(&fewer[..], &slots[..fewer.len()]);
        prop_assert!(fewer.len() == search.limit / 2 || fewer.len() == slots.len());
    }

    #[test]
    fn what_is_free_and_what_is_taken_is_what_is_open(case in cases(1850..2100)) {
        for provider in &case.providers {
            let open = super::super::super::opening::open_time(&provider.open);
            let free = open.subtract(&provider.busy);
            let taken = open.intersect(&provider.busy);
            prop_assert_eq!(free.length() + taken.length(), open.length());
            prop_assert!(free.intersect(&taken).is_empty());
        }
    }

    #[test]
    fn no_search_panics(
        case in cases(1850..2100), days in any::<i32>(), length in any::<i64>(), step in any::<i64>(),
        extreme in 0..3_u8,
    ) {
        let any = NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(NaiveDate::MAX);
        let first_date = [any, NaiveDate::MIN, NaiveDate::MAX][usize::from(extreme)];
        let milliseconds = |number: i64| TimeDelta::milliseconds(number.max(-i64::MAX));
        for (length, step) in [(minutes(60), minutes(60)), (milliseconds(length), milliseconds(step))] {
            let search = SlotSearch {
                first_date, length, step, earliest: DateTime::<Utc>::MIN_UTC, limit: 100, ..case.search.clone()
            };
            let last = (*search.dates(case.zone).end()).min(first_date.checked_add_days(Days::new(9)).unwrap_or(NaiveDate::MAX));
            let table = Timetable::new(&case.schedules);
            let providers = case.providers.iter().map(|one| ProviderTime {
                open: table.hours(Subject::Provider(one.provider_id), first_date..=last, case.zone),
                ..one.clone()
            });
            let providers: Vec<_> = providers.collect();
            let slots: Vec<_> = search.slots(&providers, &Rooms::NotNeeded, case.zone).collect();
            serde_json::to_string(&slots).unwrap();
            search.slots(&case.providers, &case.rooms, case.zone).count();
        }
    }
}
