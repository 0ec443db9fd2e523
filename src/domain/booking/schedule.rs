//! Schedules: working hours, holidays and blockouts, on the organization's clock.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;

use super::ClockTime;
use crate::{
    domain::{OperatoryId, ProviderId, ScheduleId},
    error::{Error, Result},
    rfc3339,
};

named_enum! {
    /// The kind of a schedule.
    pub enum ScheduleKind as "kind of schedule" {
        Weekly = "weekly", "Working hours on a day of every week.";
        Date = "date", "Working hours on certain dates, instead of the weekly ones.";
        Holiday = "holiday", "Whole days without work.";
        Blockout = "blockout", "Hours without work: a lunch break, a meeting.";
    }
}

named_enum! {
    /// A day of the week.
    pub enum Weekday as "day of the week" {
        Monday = "monday", "Monday.";
        Tuesday = "tuesday", "Tuesday.";
        Wednesday = "wednesday", "Wednesday.";
        Thursday = "thursday", "Thursday.";
        Friday = "friday", "Friday.";
        Saturday = "saturday", "Saturday.";
        Sunday = "sunday", "Sunday.";
    }
}

impl Weekday {
    /// The usual working week.
    pub const WORKING: [Self; 5] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
    ];

    /// The day of the week of a date.
    pub fn of(date: NaiveDate) -> Self {
        Self::ALL[date.weekday().num_days_from_monday() as usize]
    }

    /// ISO 8601: Monday is 1, Sunday 7.
    pub fn iso(self) -> i16 {
        self as i16 + 1
    }

    /// The day with this ISO 8601 number.
    pub fn from_iso(number: i16) -> Option<Self> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        Self::ALL.get(index).copied()
    }
}

/// Working hours, a holiday or a blockout: of a provider, of an operatory, or of the whole
/// organization if neither is named.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Schedule {
    pub id: ScheduleId,
    pub kind: ScheduleKind,
    pub provider_id: Option<ProviderId>,
    pub operatory_id: Option<OperatoryId>,
    /// `None` in a blockout: every day.
    pub weekday: Option<Weekday>,
    /// The first date on which it applies.
    pub valid_from: Option<NaiveDate>,
    /// The last date on which it applies.
    pub valid_until: Option<NaiveDate>,
    pub start_time: Option<ClockTime>,
    pub end_time: Option<ClockTime>,
    pub note: Option<String>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339::serialize")]
    pub updated_at: DateTime<Utc>,
}

impl Schedule {
    /// Returns `true` if it applies on that date.
    pub fn counts_on(&self, date: NaiveDate) -> bool {
        self.valid_from.is_none_or(|from| from <= date)
            && self.valid_until.is_none_or(|until| date <= until)
            && self
                .weekday
                .is_none_or(|weekday| weekday == Weekday::of(date))
    }

    /// Returns `true` if both are for the same provider or operatory, or the organization itself.
    pub fn same_subject(&self, other: &Self) -> bool {
        (self.provider_id, self.operatory_id) == (other.provider_id, other.operatory_id)
    }

    /// Returns `true` if both are working hours of one kind and subject, and share a minute on some
    /// date. Overlapping holidays or blockouts are harmless.
    pub fn overlaps(&self, other: &Self) -> bool {
        let times = match (
            self.start_time,
            self.end_time,
            other.start_time,
            other.end_time,
        ) {
            (Some(start), Some(end), Some(other_start), Some(other_end)) => {
                start < other_end && other_start < end
            }
            _ => true,
        };
        times
            && matches!(self.kind, ScheduleKind::Weekly | ScheduleKind::Date)
            && self.kind == other.kind
            && self.same_subject(other)
            && self.shares_a_date_with(other)
    }

    fn shares_a_date_with(&self, other: &Self) -> bool {
        let from = self.valid_from.max(other.valid_from);
        let until = match (self.valid_until, other.valid_until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, another) => one.or(another),
        };
        let weekday = match (self.weekday, other.weekday) {
            (Some(a), Some(b)) if a != b => return false,
            (one, another) => one.or(another),
        };
        match (from, until) {
            (Some(from), Some(until)) => from
                .iter_days()
                .take_while(|date| *date <= until)
                .take(7)
                .any(|date| weekday.is_none_or(|weekday| weekday == Weekday::of(date))),
            _ => true,
        }
    }

    /// Checks that all fields required by the kind are present, and no others.
    ///
    /// # Errors
    /// `BadInput` with the rule.
    pub fn check(&self) -> Result<()> {
        let kind = self.kind;
        let broken = |rule: &str, hint: &str| {
            Err(Error::bad_input(format!("a schedule of kind {kind} {rule}")).hint(hint))
        };
        if self.provider_id.is_some() && self.operatory_id.is_some() {
            return broken(
                "cannot have both a provider and an operatory",
                "create one for each",
            );
        }
        let needs_weekday = kind == ScheduleKind::Weekly;
        if needs_weekday && self.weekday.is_none() {
            return broken("needs a weekday", "for example monday");
        }
        if matches!(kind, ScheduleKind::Date | ScheduleKind::Holiday) && self.weekday.is_some() {
            return broken(
                "has dates, not a weekday",
                "omit the weekday, or use the kind weekly",
            );
        }
        let needs_dates = matches!(kind, ScheduleKind::Date | ScheduleKind::Holiday);
        if needs_dates && (self.valid_from.is_none() || self.valid_until.is_none()) {
            return broken("needs dates", "set valid_from and valid_until");
        }
        if let (Some(from), Some(until)) = (self.valid_from, self.valid_until)
            && until < from
        {
            return broken(
                "ends before it begins",
                "valid_until is the last date on which it applies",
            );
        }
        match (kind, self.start_time, self.end_time) {
            (ScheduleKind::Holiday, None, None) => Ok(()),
            (ScheduleKind::Holiday, ..) => broken(
                "covers whole days",
                "for hours without work create a blockout",
            ),
            (_, Some(start), Some(end)) if start < end => Ok(()),
            (_, Some(_), Some(_)) => broken(
                "must end after it starts, on the same day",
                "for work past midnight create two schedules: until 24:00, and from 00:00",
            ),
            _ => broken(
                "needs start_time and end_time",
                "for example 09:00 and 17:00",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn schedule(kind: ScheduleKind) -> Schedule {
        Schedule {
            id: uuid::Uuid::nil().into(),
            kind,
            provider_id: None,
            operatory_id: None,
            weekday: None,
            valid_from: None,
            valid_until: None,
            start_time: "09:00".parse().ok(),
            end_time: "17:00".parse().ok(),
            note: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn date(text: &str) -> Option<NaiveDate> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn each_kind_has_what_it_needs_and_nothing_else() {
        let weekly = Schedule {
            weekday: Some(Weekday::Monday),
            ..schedule(ScheduleKind::Weekly)
        };
        assert!(weekly.check().is_ok());
        let dates = |kind| Schedule {
            valid_from: date("2026-12-24"),
            valid_until: date("2026-12-26"),
            ..schedule(kind)
        };
        assert!(dates(ScheduleKind::Date).check().is_ok());
        assert!(schedule(ScheduleKind::Blockout).check().is_ok());
        let holiday = Schedule {
            start_time: None,
            end_time: None,
            ..dates(ScheduleKind::Holiday)
        };
        assert!(holiday.check().is_ok());
        for (wrong, rule) in [
            (schedule(ScheduleKind::Weekly), "needs a weekday"),
            (schedule(ScheduleKind::Date), "needs dates"),
            (dates(ScheduleKind::Holiday), "whole days"),
            (
                Schedule {
                    weekday: Some(Weekday::Sunday),
                    ..dates(ScheduleKind::Date)
                },
                "not a weekday",
            ),
            (
                Schedule {
                    valid_until: date("2026-12-01"),
                    ..dates(ScheduleKind::Date)
                },
                "ends before",
            ),
            (
                Schedule {
                    end_time: "09:00".parse().ok(),
                    ..weekly.clone()
                },
                "must end after it starts",
            ),
            (
                Schedule {
                    end_time: None,
                    ..weekly.clone()
                },
                "needs start_time",
            ),
        ] {
            let error = wrong.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(rule), "{error}");
        }
    }

    #[test]
    fn hours_overlap_only_where_a_date_has_both() {
        let monday = Schedule {
            weekday: Some(Weekday::Monday),
            ..schedule(ScheduleKind::Weekly)
        };
        let tuesday = Schedule {
            weekday: Some(Weekday::Tuesday),
            ..monday.clone()
        };
        let evening = Schedule {
            start_time: "17:00".parse().ok(),
            end_time: "19:00".parse().ok(),
            ..monday.clone()
        };
        assert!(monday.overlaps(&monday.clone()));
        assert!(!monday.overlaps(&tuesday));
        assert!(!monday.overlaps(&evening));
        let until = Schedule {
            valid_until: date("2026-06-30"),
            ..monday.clone()
        };
        let from = Schedule {
            valid_from: date("2026-07-01"),
            ..monday.clone()
        };
        assert!(!until.overlaps(&from));
        assert!(monday.overlaps(&from));
        // 2026-07-01 is a Wednesday: two days from then include no Monday.
        let short = Schedule {
            valid_until: date("2026-07-02"),
            ..from.clone()
        };
        assert!(!short.overlaps(&monday));
    }

    #[test]
    fn days_of_the_week_have_their_iso_numbers() {
        for day in Weekday::ALL.iter().copied() {
            assert_eq!(Weekday::from_iso(day.iso()), Some(day));
        }
        assert_eq!(Weekday::of("2026-11-27".parse().unwrap()), Weekday::Friday);
        assert_eq!((Weekday::from_iso(0), Weekday::from_iso(8)), (None, None));
    }
}
