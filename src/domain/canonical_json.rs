//! Canonical JSON, so that a hash survives storage in a `jsonb` column.
//!
//! A value stored as `jsonb` (PostgreSQL manual, 8.14) is returned with keys in another order and
//! numbers written differently: `1e16` as `10000000000000000`, `-0.0` as `0.0`. The canonical form
//! therefore depends on values, not on spelling: keys sorted by their bytes at every level, no
//! white space, integers in digits, a float with a 64-bit integer as its shortest decimal as that
//! integer, any other float as its shortest decimal (serde_json's `float_roundtrip` makes it read
//! back as the same double).
//!
//! `jsonb` refuses U+0000 in a string and the insert fails, so such a value never has a hash.

use serde_json::{Map, Number, Value};

/// Returns `value` with sorted keys and numbers in canonical form.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_unstable();
            // Inserting in order sorts, whether or not serde_json preserves insertion order.
            let sorted = keys
                .into_iter()
                .map(|key| (key.clone(), canonical(&object[key])));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        Value::Number(number) => Value::Number(canonical_number(number)),
        other => other.clone(),
    }
}

fn canonical_number(number: &Number) -> Number {
    let float = match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 => float,
        _ => return number.clone(),
    };
    // `numeric` takes the decimal as written: 1e23 has 23 zeros there, which is not the exact value
    // of the double. Adding 0.0 turns -0.0 into 0.0.
    let digits = (float + 0.0).to_string();
    let unsigned = digits.parse::<u64>().map(Number::from);
    let integer = unsigned.or_else(|_| digits.parse::<i64>().map(Number::from));
    integer.unwrap_or_else(|_| number.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_level() {
        let value = json!({"b": [{"z": 1, "é": 2, "aa": 3}], "B": null, "a": {}});
        let expected = r#"{"B":null,"a":{},"b":[{"aa":3,"z":1,"é":2}]}"#;
        assert_eq!(canonical(&value).to_string(), expected);
    }

    #[test]
    fn numbers_have_one_spelling() {
        for (number, spelling) in [
            (json!(1.0), "1"),
            (json!(-0.0), "0"),
            (json!(1e16), "10000000000000000"),
            (json!(-3e2), "-300"),
            (json!(-2.361678493841147e18), "-2361678493841147000"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(i64::MIN), "-9223372036854775808"),
            (json!(0.1), "0.1"),
            (json!(1e300), "1e+300"),
        ] {
            assert_eq!(canonical(&number).to_string(), spelling);
        }
    }

    /// Returns `value` as a `jsonb` column would print it: keys by length then bytes, numbers as
    /// `numeric`.
    pub(in crate::domain) fn through_jsonb(value: &Value) -> String {
        match value {
            Value::Object(object) => {
                let mut keys: Vec<&String> = object.keys().collect();
                keys.sort_by_key(|key| (key.len(), key.as_bytes()));
                let pairs = keys
                    .iter()
                    .map(|key| format!("{}: {}", json!(key), through_jsonb(&object[key.as_str()])));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
            Value::Array(items) => {
                format!(
                    "[{}]",
                    items
                        .iter()
                        .map(through_jsonb)
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            }
            Value::Number(number) => match number.as_f64() {
                // Formatting a float with `{}` never uses an exponent, like `numeric`, which also
                // has no -0.
                Some(float) if number.is_f64() => format!("{}", float + 0.0),
                _ => number.to_string(),
            },
            other => other.to_string(),
        }
    }

    pub(in crate::domain) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-1e6..1e6).prop_map(|float: f64| Value::from(float.round())),
            "\\PC{0,12}".prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[a-zA-Z0-9é_]{0,6}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn the_model_of_jsonb_agrees_with_postgresql() {
        // PostgreSQL's output for the same text cast to jsonb, except for the scale of a number
        // (0.0), which makes no difference when numbers are parsed.
        let value = json!({"b": 1e16, "aa": -0.0, "c": 1.5e-7, "é": u64::MAX});
        let expected = "{\"b\": 10000000000000000, \"c\": 0.00000015, \"aa\": 0, \
            \"é\": 18446744073709551615}";
        assert_eq!(through_jsonb(&value), expected);
    }
}
