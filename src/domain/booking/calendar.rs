//! The range of plausible dates: wide enough for every patient and every plan, and narrow enough
//! that no arithmetic on dates and times exceeds the range of PostgreSQL and RFC 3339.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::parameters::Patch;
use crate::error::{Error, Result};

const FIRST_YEAR: i32 = 1800;
const LAST_YEAR: i32 = 2999;

/// Checks that a date is plausible.
///
/// # Errors
/// `BadInput` for a date out of range.
pub fn plausible(date: NaiveDate) -> Result<NaiveDate> {
    if (FIRST_YEAR..=LAST_YEAR).contains(&date.year()) {
        return Ok(date);
    }
    Err(Error::bad_input(format!(
        "{date} is out of range: the year must be from {FIRST_YEAR} to {LAST_YEAR}"
    ))
    .hint("write year, month and day: 2026-11-23"))
}

/// Reads a date on the command line.
///
/// # Errors
/// The message of a usage error.
pub fn argument(text: &str) -> Result<NaiveDate, String> {
    text.trim().parse().map_err(|_| {
        format!("{text:?} is not a date\n  hint: write year, month and day: 2026-11-23")
    })
}

/// `deserialize_with` of a date that may be omitted.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NaiveDate>, D::Error> {
    let date = Option::<NaiveDate>::deserialize(deserializer)?;
    date.map(plausible).transpose().map_err(D::Error::custom)
}

/// `deserialize_with` of a date that may be cleared.
pub(super) fn patch<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Patch<NaiveDate>, D::Error> {
    optional(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_people_and_plans_are_plausible_and_no_others() {
        for date in ["1800-01-01", "2026-11-27", "2999-12-31"] {
            assert!(plausible(date.parse().unwrap()).is_ok(), "{date}");
        }
        for date in ["1799-12-31", "3000-01-01", "0001-01-01", "-262143-01-01"] {
            assert!(plausible(date.parse().unwrap()).is_err(), "{date}");
        }
    }
}
