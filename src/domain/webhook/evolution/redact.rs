//! Redaction of Evolution API's own API key, which it sends with every event.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::domain::webhook::Refusal;

/// The replacement for a key.
const REDACTED: &[u8] = b"\"[redacted]\"";

/// Returns the JSON of `body` with the value of every `apikey` redacted, in any letter case and at
/// any depth. Every other byte is unchanged.
///
/// # Errors
/// [`Refusal::Malformed`] if the body is not JSON: it must not be stored without redaction.
pub fn redact_apikey(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::Malformed)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| Refusal::Malformed)?;
    let mut redacted = Vec::with_capacity(body.len());
    let mut kept = 0;
    let mut at = 0;
    // The body is valid JSON, so a quote outside a string starts a string, and a string followed by
    // a colon is a name.
    while let Some(start) = memchr::memchr(b'"', &body[at..]).map(|found| at + found) {
        let end = start + length_of_value(&text[start..])?;
        at = end;
        let after = after_space(body, end);
        if body.get(after) != Some(&b':') || !is_apikey(&text[start..end]) {
            continue;
        }
        let value = after_space(body, after + 1);
        redacted.extend_from_slice(&body[kept..value]);
        redacted.extend_from_slice(REDACTED);
        kept = value + length_of_value(&text[value..])?;
        at = kept;
    }
    redacted.extend_from_slice(&body[kept..]);
    Ok(redacted)
}

/// Returns the length of the value at the start of `text`.
fn length_of_value(text: &str) -> Result<usize, Refusal> {
    let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Ok(values.byte_offset()),
        _ => Err(Refusal::Malformed),
    }
}

fn after_space(body: &[u8], at: usize) -> usize {
    let space = body[at..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    at + space.count()
}

/// Compares a name, which may contain escapes.
fn is_apikey(name: &str) -> bool {
    serde_json::from_str::<String>(name).is_ok_and(|name| {
        let letters: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect();
        letters.eq_ignore_ascii_case("apikey")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn redacted(body: &str) -> String {
        String::from_utf8(redact_apikey(body.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn every_apikey_goes_and_nothing_else() {
        for (body, expected) in [
            (r#"{"apikey":"S"}"#, r#"{"apikey":"[redacted]"}"#),
            (
                "{ \"b\" : 1.50,\n \"ApiKey\" :\t\"S\\\"\" , \"a\": 1e400 }",
                "{ \"b\" : 1.50,\n \"ApiKey\" :\t\"[redacted]\" , \"a\": 1e400 }",
            ),
            (
                r#"[{"data":{"hash":{"apikey":{"x":["S",1]}}},"apikey":123,"z":2}]"#,
                r#"[{"data":{"hash":{"apikey":"[redacted]"}},"apikey":"[redacted]","z":2}]"#,
            ),
            (r#"{"api\u006bey":"S"}"#, r#"{"api\u006bey":"[redacted]"}"#),
            (r#"{"api_key":"S"}"#, r#"{"api_key":"[redacted]"}"#),
            // A string value, not a name.
            (
                r#"{"text":"apikey","apikeys":"x"}"#,
                r#"{"text":"apikey","apikeys":"x"}"#,
            ),
            (
                r#"["apikey","\"apikey\":\"S\""]"#,
                r#"["apikey","\"apikey\":\"S\""]"#,
            ),
            // Both of two equal names.
            (
                r#"{"apikey":"S","apikey":null}"#,
                r#"{"apikey":"[redacted]","apikey":"[redacted]"}"#,
            ),
            ("7", "7"),
        ] {
            assert_eq!(redacted(body), expected);
        }
        for body in ["", "{", "{\"apikey\":}", "{\"apikey\":\"S\"} x", "apikey=S"] {
            assert_eq!(
                redact_apikey(body.as_bytes()),
                Err(Refusal::Malformed),
                "{body}"
            );
        }
    }

    #[test]
    fn a_deep_or_long_body_is_no_trouble() {
        let depth = 100_000;
        let deep = format!(
            "{}{{\"apikey\":\"S\"}}{}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        assert!(!redacted(&deep).contains("\"S\""));
        let many = format!("[{}1]", "{\"apikey\":\"S\"},".repeat(50_000));
        assert!(!redacted(&many).contains("\"S\""));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        let name = prop_oneof![
            any::<String>(),
            "[aA][pP][iI][kK][eE][yY]",
            Just("apikey".to_owned())
        ];
        leaf.prop_recursive(4, 30, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(name.clone(), inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// The same redaction on the parsed tree.
    fn walked(value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(walked).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| {
                    let plain = name.replace(['_', '-'], "");
                    if plain.eq_ignore_ascii_case("apikey") {
                        (name, json!("[redacted]"))
                    } else {
                        (name, walked(value))
                    }
                })
                .collect(),
            other => other,
        }
    }

    proptest! {
        #[test]
        fn the_bytes_say_what_the_tree_says(value in values(), is_pretty in any::<bool>()) {
            let body = if is_pretty {
                serde_json::to_string_pretty(&value)
            } else {
                serde_json::to_string(&value)
            }.unwrap();
            let read: Value = serde_json::from_str(&redacted(&body)).unwrap();
            prop_assert_eq!(read, walked(value));
        }

        #[test]
        fn any_bytes_are_redacted_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = redact_apikey(&body);
        }
    }
}
