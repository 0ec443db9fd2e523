//! Value parsers, which convert arguments to types of `domain` and report the violated rule and the
//! remedy.

use std::{fmt::Display, num::IntErrorKind, ops::RangeInclusive, str::FromStr, time::Duration};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::{
    csv_file::{Delimiter, TextEncoding},
    domain::{
        AppointmentId, Email, Locale, OutboxStatus, Permission, Role, ScheduleId, Slug, TimeZone,
        UserId,
        access::Reader,
        booking::{AppointmentStatus, ClockTime, Function, Moment, ScheduleKind, Weekday},
        channel::{
            ChannelKind,
            identity::{ClaimStatus, IdentityKind},
        },
        display_name,
        import::{DateOrder, ImportKind, Mapping, MemberMode, OnConflict},
        organization::OrganizationStatus,
        quarantine::QuarantineStatus,
        webhook::Scheme,
        webhook_event::EventStatus,
    },
    error::Error,
};

/// An error in clap's format: the message, then the hints on separate lines.
fn message(error: Error) -> String {
    let mut text = error.to_string();
    for hint in error.hints() {
        text.push_str("\n  hint: ");
        text.push_str(&hint.to_string());
    }
    text
}

fn parse<T: FromStr<Err = Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(message)
}

macro_rules! parsers {
    ($($(#[$doc:meta])* $name:ident -> $Type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(text: &str) -> Result<$Type, String> {
            parse(text)
        }
    )*};
}

parsers! {
    /// An e-mail address.
    email -> Email;
    /// A slug.
    slug -> Slug;
    /// An IANA time zone.
    time_zone -> TimeZone;
    /// A BCP 47 language tag.
    locale -> Locale;
    /// The status of a claim to an identity.
    claim_status -> ClaimStatus;
    /// A kind of identity.
    identity_kind -> IdentityKind;
    /// The status of a quarantined event.
    quarantine_status -> QuarantineStatus;
    /// A user id.
    user_id -> UserId;
    /// A role.
    role -> Role;
    /// The kind of the rows in a file.
    import_kind -> ImportKind;
    /// The mapping of a column in a file.
    mapping -> Mapping;
    /// The handling of existing rows.
    on_conflict -> OnConflict;
    /// The way in which the people in a file become members.
    member_mode -> MemberMode;
    /// The order of dates.
    date_order -> DateOrder;
    /// The encoding of a file.
    encoding -> TextEncoding;
    /// The character between the fields of a file.
    delimiter -> Delimiter;
    /// A permission.
    permission -> Permission;
    /// A channel.
    channel -> ChannelKind;
    /// The status of a message.
    outbox_status -> OutboxStatus;
    /// The status of an organization.
    organization_status -> OrganizationStatus;
    /// A function on the booking data.
    booking_function -> Function;
    record_reader -> Reader;
    /// A point in time, with an offset or on the organization's clock.
    moment -> Moment;
    /// A time of day.
    clock_time -> ClockTime;
    /// A day of the week.
    weekday -> Weekday;
    /// The signature scheme of an endpoint's requests.
    scheme -> Scheme;
    /// The status of a webhook event.
    event_status -> EventStatus;
    /// A kind of schedule.
    schedule_kind -> ScheduleKind;
    /// The status of an appointment.
    appointment_status -> AppointmentStatus;
    /// The id of a schedule.
    schedule_id -> ScheduleId;
    /// The id of an appointment.
    appointment_id -> AppointmentId;
}

/// A display name.
pub fn name(text: &str) -> Result<String, String> {
    display_name(text).map_err(message)
}

/// A point in time: RFC 3339, or a day (its midnight in UTC).
pub fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map(|day| day.and_time(NaiveTime::MIN).and_utc())
        .map_err(|_| {
            format!("{text:?} is not a time\n  hint: write 2026-11-23 or 2026-11-23T15:00:00Z")
        })
}

/// A point in time, or a date, which means its start on the organization's clock.
pub fn moment_or_date(text: &str) -> Result<Moment, String> {
    match date(text) {
        Ok(date) => Ok(Moment::Local(date.and_time(NaiveTime::MIN))),
        Err(_) => moment(text),
    }
}

pub use crate::domain::booking::calendar::argument as date;

/// A positive whole number.
pub fn positive<T: TryFrom<i64>>(text: &str) -> Result<T, String> {
    let too_large = || format!("{text} is too large");
    match text.parse::<i64>() {
        Ok(number) if number >= 1 => T::try_from(number).map_err(|_| too_large()),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(too_large()),
        _ => Err(format!("{text:?} is not a positive whole number")),
    }
}

/// A parser of whole numbers in a range.
pub fn whole_number<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + Display + PartialOrd + Clone + Send + Sync,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (first, last) = (range.start(), range.end());
            format!("{text:?} is not a whole number from {first} to {last}")
        })
    }
}

/// A duration of at least a second: `90`, `90s`, `10m`, `2h`.
pub fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a valid duration (expected 90, 90s, 10m or 2h)");
    let (number, unit) = match text.char_indices().next_back().ok_or_else(wrong)? {
        (place, 's') => (&text[..place], 1),
        (place, 'm') => (&text[..place], 60),
        (place, 'h') => (&text[..place], 3600),
        _ => (text, 1),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let seconds = u64::from(number) * unit;
    match seconds {
        0 => Err(wrong()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// One `key=value` pair.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(format!(
            "{text:?} is not a key=value pair\n  hint: write, for example, enabled=true"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_or_rfc_3339() {
        assert_eq!(
            time("2026-11-23").unwrap().to_rfc3339(),
            "2026-11-23T00:00:00+00:00"
        );
        assert_eq!(
            time("2026-11-23T16:00:00+01:00").unwrap().to_rfc3339(),
            "2026-11-23T15:00:00+00:00"
        );
        assert!(time("yesterday").unwrap_err().contains("hint:"));
    }

    #[test]
    fn a_date_is_its_beginning_on_the_clock() {
        let shown = |text| moment_or_date(text).unwrap().to_string();
        assert_eq!(shown("2026-12-02"), "2026-12-02T00:00");
        assert_eq!(shown("2026-12-02T09:00"), "2026-12-02T09:00");
        assert!(moment_or_date("tomorrow").is_err());
    }

    #[test]
    fn a_length_of_time_has_a_unit_or_is_in_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "0", "0m", "-1", "1.5m", "soon", "m", "10 m", "1d"] {
            let message = span(wrong).unwrap_err();
            assert!(message.contains("is not a valid duration"), "{message}");
        }
    }

    #[test]
    fn a_whole_number_outside_its_range_is_told_the_range() {
        assert_eq!(positive::<u32>("7"), Ok(7));
        for wrong in ["0", "-1", "abc", ""] {
            let message = positive::<i64>(wrong).unwrap_err();
            assert!(
                message.ends_with("is not a positive whole number"),
                "{message}"
            );
        }
        for wrong in ["4294967296", "9223372036854775808"] {
            assert_eq!(
                positive::<u32>(wrong).unwrap_err(),
                format!("{wrong} is too large")
            );
        }
        let days = whole_number::<u32>(1..=30);
        assert_eq!(days("30"), Ok(30));
        for wrong in ["0", "31", "-3", "abc", "1.5", ""] {
            let message = days(wrong).unwrap_err();
            assert!(
                message.ends_with("is not a whole number from 1 to 30"),
                "{message}"
            );
        }
    }

    #[test]
    fn an_assignment_splits_at_the_first_equals_sign() {
        assert_eq!(
            assignment("greeting=1+1=2").unwrap(),
            ("greeting".to_owned(), "1+1=2".to_owned())
        );
        assert!(assignment("=x").is_err());
        assert!(assignment("x").is_err());
    }
}
