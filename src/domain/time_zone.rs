//! Time zones by their IANA names.

use std::fmt;
use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::suggest::{nearest, quoted};

/// A zone of the IANA time zone database, such as `Europe/Zurich`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(Tz);

impl TimeZone {
    /// The names of all zones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The zone as a chrono type.
    pub fn tz(self) -> Tz {
        self.0
    }
}

impl FromStr for TimeZone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.trim();
        name.parse().map(Self).map_err(|_| {
            let value = quoted(text);
            let error = Error::bad_input(format!(
                "{value} is not a known time zone (expected an IANA name, spelled exactly)"
            ));
            match suggestion(name) {
                Some(near) => error.hint(near),
                None => error.hint("write region and city, for example Europe/Zurich, or UTC"),
            }
        })
    }
}

/// Suggests a zone by its city: `zurich` finds `Europe/Zurich`.
fn suggestion(name: &str) -> Option<String> {
    let city = name.replace(' ', "_");
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let same_city = names().find(|known| {
        let last = known.rsplit('/').next().unwrap_or(known);
        last.eq_ignore_ascii_case(&city) || known.eq_ignore_ascii_case(&city)
    });
    match same_city {
        Some(known) => Some(format!("did you mean {known}?")),
        None => match nearest(&city, names()).as_slice() {
            [] => None,
            near => Some(format!("did you mean {}?", near.join(" or "))),
        },
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl TryFrom<String> for TimeZone {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_read_what_they_print() {
        for name in ["UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires"] {
            let zone: TimeZone = name.parse().unwrap();
            assert_eq!(zone.to_string(), name);
            let json = serde_json::to_string(&zone).unwrap();
            assert_eq!(serde_json::from_str::<TimeZone>(&json).unwrap(), zone);
        }
    }

    #[test]
    fn unknown_zones_are_answered_with_near_ones() {
        for (text, hint) in [
            ("europe/zurich", "Europe/Zurich"),
            ("Zurich", "Europe/Zurich"),
            ("new york", "America/New_York"),
            ("Europe/Zürich", "Europe/Zurich"),
            ("America/NewYork", "America/New_York"),
            ("", "for example Europe/Zurich"),
            ("+02:00", "for example Europe/Zurich"),
        ] {
            let error = text.parse::<TimeZone>().unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")));
            assert!(
                error.hints()[0].to_string().contains(hint),
                "{text}: {:?}",
                error.hints()
            );
        }
    }
}
