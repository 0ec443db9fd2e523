//! Points in time as written by people and programs: with an offset, or on the organization's
//! clock.

use std::borrow::Cow;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::calendar;
use crate::{
    error::{Error, Result},
    suggest::quoted,
};

/// A point in time in ISO 8601, in whole minutes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Moment {
    /// `2026-03-02T09:00:00+01:00`, `2026-03-02T08:00Z`.
    Exact(DateTime<Utc>),
    /// `2026-03-02T09:00`: on the organization's clock.
    Local(NaiveDateTime),
}

impl Moment {
    /// The point in time; a local one is on the clock of `zone`.
    ///
    /// # Errors
    /// `BadInput` for a local time that the clock skips or repeats when daylight saving begins or
    /// ends.
    pub fn resolve(self, zone: Tz) -> Result<DateTime<Utc>> {
        let local = match self {
            Self::Exact(at) => return Ok(at),
            Self::Local(local) => local,
        };
        let shown = local.format("%Y-%m-%dT%H:%M");
        match local.and_local_timezone(zone) {
            LocalResult::Single(at) => Ok(at.to_utc()),
            LocalResult::None => Err(Error::bad_input(format!(
                "{shown} does not exist in {zone}: the clock is put forward over it"
            ))
            .hint(
                match zone.from_local_datetime(&(local + TimeDelta::hours(1))) {
                    LocalResult::Single(next) => {
                        format!("an hour later is {}", next.format("%Y-%m-%dT%H:%M%:z"))
                    }
                    _ => "write the time with its offset".to_owned(),
                },
            )),
            LocalResult::Ambiguous(first, second) => Err(Error::bad_input(format!(
                "{shown} is ambiguous in {zone}: the clock is set back and shows it twice"
            ))
            .hint(format!(
                "write {} or {}",
                first.format("%Y-%m-%dT%H:%M%:z"),
                second.format("%Y-%m-%dT%H:%M%:z")
            ))),
        }
    }
}

impl std::str::FromStr for Moment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let read = exact(text)
            .map(Self::Exact)
            .or_else(|| local(text).map(Self::Local));
        let moment = read.ok_or_else(|| {
            Error::bad_input(format!("{} is not a point in time", quoted(text))).hint(
                "write it as ISO 8601: 2026-03-02T09:00 on the organization's clock, or with an \
                 offset: 2026-03-02T09:00:00+01:00",
            )
        })?;
        calendar::plausible(match moment {
            Self::Exact(at) => at.date_naive(),
            Self::Local(at) => at.date(),
        })?;
        let seconds = match moment {
            Self::Exact(at) => at.second() + at.nanosecond(),
            Self::Local(at) => at.second() + at.nanosecond(),
        };
        if seconds != 0 {
            return Err(
                Error::bad_input(format!("{} is not a whole minute", quoted(text)))
                    .hint("omit the seconds"),
            );
        }
        Ok(moment)
    }
}

fn exact(text: &str) -> Option<DateTime<Utc>> {
    let read = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z"));
    match read {
        Ok(at) => Some(at.to_utc()),
        Err(_) => {
            let utc = text.strip_suffix(['Z', 'z'])?;
            NaiveDateTime::parse_from_str(utc, "%Y-%m-%dT%H:%M")
                .ok()
                .map(|at| at.and_utc())
        }
    }
}

fn local(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(at) => f.pad(&crate::rfc3339::format(at)),
            Self::Local(at) => f.pad(&at.format("%Y-%m-%dT%H:%M").to_string()),
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A point in time in ISO 8601, in whole minutes: with an offset \
                (2026-03-02T09:00:00+01:00), or on the organization's clock (2026-03-02T09:00)."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Result<String> {
        let at = text.parse::<Moment>()?.resolve(Tz::Europe__Zurich)?;
        Ok(crate::rfc3339::format(&at))
    }

    #[test]
    fn offsets_count_and_local_times_are_on_the_clock_of_the_zone() {
        for (text, expected) in [
            ("2026-03-02T09:00:00+01:00", "2026-03-02T08:00:00Z"),
            ("2026-03-02T09:00+01:00", "2026-03-02T08:00:00Z"),
            ("2026-03-02T08:00Z", "2026-03-02T08:00:00Z"),
            ("2026-03-02T09:00", "2026-03-02T08:00:00Z"),
            ("2026-07-02T09:00:00", "2026-07-02T07:00:00Z"),
            ("2026-07-02 09:00", "2026-07-02T07:00:00Z"),
        ] {
            assert_eq!(utc(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_local_time_that_is_not_one_point_in_time_is_refused() {
        let error = utc("2026-03-29T02:30").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("2026-03-29T02:30 does not exist"),
            "{error}"
        );
        assert!(
            error.hints()[0]
                .to_string()
                .contains("2026-03-29T03:30+02:00")
        );
        let error = utc("2026-10-25T02:30").unwrap_err();
        assert!(error.to_string().contains("twice"), "{error}");
        assert!(
            error.hints()[0]
                .to_string()
                .contains("2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00")
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-03-02",
            "02.03.2026 09:00",
            "2026-13-02T09:00",
        ] {
            assert!(
                utc(text).unwrap_err().to_string().contains("point in time"),
                "{text}"
            );
        }
        for text in [
            "2026-03-02T09:00:30Z",
            "2026-03-02T09:00:00.5Z",
            "2026-03-02T09:00:01",
        ] {
            assert!(
                utc(text).unwrap_err().to_string().contains("whole minute"),
                "{text}"
            );
        }
    }
}
