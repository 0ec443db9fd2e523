//! Reading of some fields of untrusted JSON.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Refusal;

/// Maximum length of ids, names and numbers; longer values are ignored.
const LONGEST_ID: usize = 512;

/// Parses the body as JSON.
pub(super) fn json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::Malformed)
}

/// An id, a name or a number: a text that is not blank and contains no control characters.
pub(super) fn id(value: &Value) -> Option<String> {
    value.as_str().and_then(id_of)
}

/// Reads the same from a text.
pub(super) fn id_of(text: &str) -> Option<String> {
    let text = text.trim();
    let is_id = !text.is_empty() && text.len() <= LONGEST_ID && !text.contains(char::is_control);
    is_id.then(|| text.to_owned())
}

/// A text written by a person. PostgreSQL cannot store NUL in a text.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.is_empty())?;
    Some(text.replace('\0', "\u{FFFD}"))
}

/// An integer, as a JSON number or a text.
pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A time in Unix seconds.
pub(super) fn seconds(value: &Value) -> Option<DateTime<Utc>> {
    storable(DateTime::from_timestamp(number(value)?, 0)?)
}

/// A time in Unix milliseconds.
pub(super) fn milliseconds(value: &Value) -> Option<DateTime<Utc>> {
    storable(DateTime::from_timestamp_millis(number(value)?)?)
}

/// A time in the format of RFC 3339.
pub(super) fn timestamp(value: &Value) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    storable(time.with_timezone(&Utc))
}

/// Accepts only years 1970 to 9999: the range of `timestamptz` is smaller than chrono's, and years of
/// more than four digits are errors.
fn storable(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let seconds = time.timestamp();
    // From 1970 to the end of 9999.
    (0..=253_402_300_799).contains(&seconds).then_some(time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_be_stored_is_read() {
        assert_eq!(id(&json!(" a ")), Some("a".into()));
        for none in [json!(""), json!("a\0"), json!(1), json!("x".repeat(513))] {
            assert_eq!(id(&none), None, "{none}");
        }
        assert_eq!(text(&json!("a\0b")), Some("a\u{FFFD}b".into()));
        assert_eq!(
            seconds(&json!("1504902988")),
            seconds(&json!(1_504_902_988))
        );
        assert!(milliseconds(&json!(1_700_000_000_000_i64)).is_some());
        for none in [
            json!(-1),
            json!(i64::MAX),
            json!(u64::MAX),
            json!("x"),
            json!(1.5),
        ] {
            assert_eq!(seconds(&none), None, "{none}");
            assert_eq!(milliseconds(&none), None, "{none}");
        }
        assert!(timestamp(&json!("2025-04-29T13:13:24.755552-07:00")).is_some());
        assert_eq!(timestamp(&json!("0001-01-01T00:00:00Z")), None);
    }
}
