//! `#[serde(with = "crate::rfc3339")]`: RFC 3339 in UTC with `Z`, in whole seconds or, if
//! there is a fraction, in microseconds (the precision of `timestamptz`).

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;

/// The machine-readable text: `2026-11-23T14:06:00Z`.
pub fn format(at: &DateTime<Utc>) -> String {
    let precision = match at.timestamp_subsec_micros() {
        0 => SecondsFormat::Secs,
        _ => SecondsFormat::Micros,
    };
    at.to_rfc3339_opts(precision, true)
}

/// Serializes a time.
pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(at))
}

/// `#[serde(with = "crate::rfc3339::option")]`: the same, or null.
pub mod option {
    use super::{DateTime, Serializer, Utc};

    /// Serializes a time that may be absent.
    pub fn serialize<S: Serializer>(
        at: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_some(&super::format(at)),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_shown_only_where_there_are_any() {
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
        assert_eq!(format(&at(1_795_442_760_000_000)), "2026-11-23T14:06:00Z");
        assert_eq!(
            format(&at(1_795_442_760_000_120)),
            "2026-11-23T14:06:00.000120Z"
        );
    }
}
