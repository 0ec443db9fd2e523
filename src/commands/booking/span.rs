//! Time spans for display. If the clock is set back or an appointment extends past midnight, the
//! time of the day alone is ambiguous.

use chrono::{DateTime, NaiveDate, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// Formats the end of what starts at `starts_at`: `09:30`, with its date if it is on another date,
/// and with its zone if the offset changed in between or the time occurs twice.
pub(in crate::commands) fn until(
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    zone: Tz,
) -> String {
    let (start, end) = (starts_at.with_timezone(&zone), ends_at.with_timezone(&zone));
    let is_changed = start.offset().fix() != end.offset().fix();
    written(
        end,
        end.date_naive() != start.date_naive(),
        is_changed || comes_twice(end),
    )
}

/// Formats a time in a list for `date`: `09:00`, with date and zone if they are needed.
pub(in crate::commands) fn on_date(at: DateTime<Utc>, date: NaiveDate, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    written(at, at.date_naive() != date, comes_twice(at))
}

fn comes_twice(at: DateTime<Tz>) -> bool {
    let local = at.timezone().from_local_datetime(&at.naive_local());
    matches!(local, chrono::LocalResult::Ambiguous(..))
}

fn written(at: DateTime<Tz>, with_date: bool, with_zone: bool) -> String {
    let format = match (with_date, with_zone) {
        (false, false) => "%H:%M",
        (false, true) => "%H:%M %Z",
        (true, false) => "%Y-%m-%d %H:%M",
        (true, true) => "%Y-%m-%d %H:%M %Z",
    };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = Tz::Europe__Zurich;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn an_end_is_told_as_far_as_it_differs() {
        for (start, end, expected) in [
            ("2026-11-30T08:00:00Z", "2026-11-30T08:30:00Z", "09:30"),
            // The clock is set back at 03:00 CEST.
            ("2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "02:00 CET"),
            ("2026-10-24T23:30:00Z", "2026-10-25T00:15:00Z", "02:15 CEST"),
            ("2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z", "03:30 CET"),
            (
                "2026-11-30T22:00:00Z",
                "2026-12-01T22:00:00Z",
                "2026-12-01 23:00",
            ),
            (
                "2026-10-24T21:00:00Z",
                "2026-10-25T04:00:00Z",
                "2026-10-25 05:00 CET",
            ),
        ] {
            assert_eq!(until(at(start), at(end), ZONE), expected, "{start} {end}");
        }
    }

    #[test]
    fn a_time_of_a_date_is_told_as_far_as_it_is_not_plain() {
        let date = "2026-10-25".parse().unwrap();
        for (time, expected) in [
            ("2026-10-24T20:00:00Z", "2026-10-24 22:00"),
            ("2026-10-25T00:30:00Z", "02:30 CEST"),
            ("2026-10-25T01:30:00Z", "02:30 CET"),
            ("2026-10-25T08:00:00Z", "09:00"),
        ] {
            assert_eq!(on_date(at(time), date, ZONE), expected);
        }
    }
}
