//! Times of day on the clock.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    suggest::quoted,
};

/// Minutes of a day on the clock; daylight saving makes real days shorter or longer.
const DAY: u16 = 24 * 60;

/// A time on the clock, in whole minutes, from 00:00 to 24:00, the end of the day.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

impl ClockTime {
    /// The beginning of the day.
    pub const MIDNIGHT: Self = Self(0);
    /// The end of the day, which is the beginning of the next.
    pub const END_OF_DAY: Self = Self(DAY);

    /// The time this many minutes after midnight; `None` after the end of the day.
    pub const fn from_minutes(minutes: u16) -> Option<Self> {
        if minutes <= DAY {
            Some(Self(minutes))
        } else {
            None
        }
    }

    /// Minutes after midnight, 0 to 1440.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl std::str::FromStr for ClockTime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        read(text.trim()).ok_or_else(|| {
            Error::bad_input(format!("{} is not a valid time of day", quoted(text)))
                .hint("write hours and minutes, from 00:00 to 24:00, for example 09:00")
        })
    }
}

fn read(text: &str) -> Option<ClockTime> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || minutes.len() != 2 || !digits(minutes) {
        return None;
    }
    let (hours, minutes) = (hours.parse::<u16>().ok()?, minutes.parse::<u16>().ok()?);
    if minutes > 59 {
        return None;
    }
    ClockTime::from_minutes(hours * 60 + minutes)
}

impl std::fmt::Display for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:02}:{:02}", self.0 / 60, self.0 % 60))
    }
}

impl TryFrom<String> for ClockTime {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}

impl JsonSchema for ClockTime {
    fn schema_name() -> Cow<'static, str> {
        "ClockTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$|^24:00$",
            "description": "A time on the organization's clock: 09:00; 24:00 is the end of the day."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_what_they_print() {
        for minutes in [0, 1, 540, 1439, 1440] {
            let time = ClockTime::from_minutes(minutes).unwrap();
            assert_eq!(time.to_string().parse::<ClockTime>().unwrap(), time);
        }
        assert_eq!("9:05".parse::<ClockTime>().unwrap().to_string(), "09:05");
        assert_eq!("24:00".parse::<ClockTime>().unwrap(), ClockTime::END_OF_DAY);
    }

    #[test]
    fn what_no_clock_shows_is_refused() {
        for text in [
            "", "9", "09:60", "24:01", "25:00", "9:5", "+9:00", "09:00:00", "9 Uhr",
        ] {
            let error = text.parse::<ClockTime>().unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}
