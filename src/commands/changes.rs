//! Differences between two versions of a configuration, key by key: for summaries, scripts and undo
//! commands.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{domain::channel::key::SETTINGS, suggest::quoted};

/// Maximum number of characters of a text included in an undo command.
const LONGEST_IN_A_COMMAND: usize = 80;

/// A key with its value before and after a change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyChange {
    pub key: String,
    pub before: Value,
    pub after: Value,
}

impl KeyChange {
    /// Returns the keys in which two JSON objects differ. Each setting is treated as a key.
    pub fn between(before: &Value, after: &Value) -> Vec<Self> {
        let before = flat(before);
        flat(after)
            .into_iter()
            .filter_map(|(key, after)| {
                let before = before.get(&key).cloned().unwrap_or_default();
                (before != after).then_some(Self { key, before, after })
            })
            .collect()
    }

    /// `greeting: unset → "Hello!"`
    pub fn describe(&self) -> String {
        let (before, after) = (brief(&self.before), brief(&self.after));
        format!("{}: {before} → {after}", self.key)
    }

    /// The command argument that restores the old value; `None` if the text is too long.
    pub fn put_back(&self) -> Option<String> {
        let value = argument(&self.before)?;
        Some(format!("{}={value}", self.key))
    }
}

/// Returns the fields in which two states of a row differ, except `updated_at`.
pub fn of_fields(before: &Value, after: &Value) -> Vec<KeyChange> {
    let mut changes = KeyChange::between(before, after);
    changes.retain(|change| change.key != "updated_at");
    changes
}

/// Formats a heading and the changes; a single change stays on the same line.
pub fn describe(heading: &str, changes: &[KeyChange]) -> String {
    match changes {
        [] => heading.to_owned(),
        [only] => format!("{heading}: {}", only.describe()),
        several => {
            let lines = several.iter().map(KeyChange::describe);
            let lines: Vec<_> = [format!("{heading}:")].into_iter().chain(lines).collect();
            lines.join("\n  ")
        }
    }
}

/// A short form of a value.
pub fn brief(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        Value::String(text) if is_word(text) => text.clone(),
        Value::String(text) => quoted(text),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(brief).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A value as written after `key=`.
pub fn argument(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) if text.contains('\n') => None,
        Value::String(text) => (text.chars().count() <= LONGEST_IN_A_COMMAND).then(|| text.clone()),
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(argument).collect();
            items.map(|items| items.join(","))
        }
        other => Some(other.to_string()),
    }
}

fn is_word(text: &str) -> bool {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "_-+.:/@".contains(c);
    !text.is_empty() && text.len() <= LONGEST_IN_A_COMMAND && text.chars().all(in_word)
}

fn flat(value: &Value) -> Map<String, Value> {
    let mut keys = value.as_object().cloned().unwrap_or_default();
    if let Some(Value::Object(settings)) = keys.remove(SETTINGS) {
        keys.extend(settings);
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_keys_that_differ_are_named_settings_among_them() {
        let before =
            json!({"enabled": true, "model": null, "settings": {"greeting": "Hi", "a": 1}});
        let after =
            json!({"enabled": true, "model": "gpt-4o", "settings": {"greeting": null, "a": 1}});
        let changes = KeyChange::between(&before, &after);
        assert_eq!(
            describe("updated", &changes),
            "updated:\n  greeting: Hi → unset\n  model: unset → gpt-4o"
        );
        assert_eq!(
            describe("updated", &changes[..1]),
            "updated: greeting: Hi → unset"
        );
        assert_eq!(KeyChange::between(&after, &after), []);
    }

    #[test]
    fn the_old_value_is_one_word_of_a_shell() {
        let put_back = |before| {
            KeyChange {
                key: "k".into(),
                before,
                after: Value::Null,
            }
            .put_back()
        };
        let cases = [
            (json!(null), Some("k=")),
            (json!(false), Some("k=false")),
            (json!(["a", "b"]), Some("k=a,b")),
            (json!("it's 5 o'clock"), Some("k=it's 5 o'clock")),
            (json!("two\nlines"), None),
            (json!("x".repeat(81)), None),
        ];
        for (before, word) in cases {
            assert_eq!(put_back(before).as_deref(), word);
        }
    }

    #[test]
    fn values_are_told_in_a_few_words() {
        assert_eq!(brief(&json!([])), "none");
        assert_eq!(brief(&json!("a b")), "\"a b\"");
        assert_eq!(brief(&json!("")), "\"\"");
        assert!(brief(&json!("x ".repeat(500))).chars().count() < 100);
    }
}
