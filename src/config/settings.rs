//! The effective configuration: each value and its source.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use toml_edit::Key;

use super::file::Config;

/// One value of the effective configuration. Secrets are masked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The dotted key, as in the file.
    pub key: String,
    /// The value; null if none is set and the program decides.
    pub value: Value,
    /// The source of the value.
    pub source: ValueSource,
}

/// The source of a value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ValueSource {
    /// Built in.
    #[default]
    Default,
    /// The configuration file.
    File,
    /// The environment variable of this name.
    Variable(&'static str),
    /// The flag of this name.
    Flag(&'static str),
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Variable(name) | Self::Flag(name) => name,
        })
    }
}

impl Serialize for ValueSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Every value of `config`, ordered by key.
pub(super) fn settings(config: &Config, sources: &BTreeMap<String, ValueSource>) -> Vec<Setting> {
    let value = serde_json::to_value(config)
        .expect("a configuration has string keys and paths that came from UTF-8 text");
    let mut found = BTreeMap::new();
    flatten(value, String::new(), &mut found);
    found
        .into_iter()
        .map(|(key, value)| Setting {
            source: sources.get(&key).copied().unwrap_or_default(),
            key,
            value,
        })
        .collect()
}

fn flatten(value: Value, key: String, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                let name = Key::new(name);
                let below = if key.is_empty() {
                    name.to_string()
                } else {
                    format!("{key}.{name}")
                };
                flatten(value, below, found);
            }
        }
        value => {
            found.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_every_value_with_its_source_and_no_secret() {
        let config: Config = toml_edit::de::from_str(
            "[profiles.a]\ndatabase_url = 'postgres://ops:hunter2@db/app'\n\
             [profiles.b]\ndatabase_url_command = 'echo postgres://ops:hunter2@db/app'\n",
        )
        .unwrap();
        let sources = BTreeMap::from([("output.format".to_owned(), ValueSource::Flag("--output"))]);
        let settings = settings(&config, &sources);
        let get = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();

        assert_eq!(
            get("profiles.a.database_url").value,
            "postgres://ops:***@db/app"
        );
        assert_eq!(
            get("profiles.b.database_url_command").value,
            "echo postgres://ops:***@db/app"
        );
        assert_eq!(get("output.page_size").source, ValueSource::Default);
        assert_eq!(get("output.format").source.to_string(), "--output");
        assert_eq!(get("editor").value, Value::Null);
        let shown = serde_json::to_string(&settings).unwrap();
        assert!(!shown.contains("hunter2"));
    }
}
