//! The JSON Schema of the configuration file, and a view of it for the checks and the example.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::Config;

/// The JSON Schema (draft 2020-12) of `config.toml`, for editors and CI.
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft2020_12();
    settings
        .into_generator()
        .into_root_schema_for::<Config>()
        .to_value()
}

/// The schema with every reference resolved, so that it can be walked.
pub(super) struct ResolvedSchema(Value);

impl ResolvedSchema {
    /// The schema of the whole file.
    pub(super) fn of_config() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        Self(
            settings
                .into_generator()
                .into_root_schema_for::<Config>()
                .to_value(),
        )
    }

    /// The root table.
    pub(super) fn root(&self) -> Node<'_> {
        Node::new(&self.0)
    }
}

/// The required kind of a value in the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Table,
    Text,
    Integer,
    Boolean,
    /// An array of strings.
    List,
}

impl Kind {
    /// The kind in TOML's terms, with its article.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Table => "a table",
            Self::Text => "a string",
            Self::Integer => "an integer",
            Self::Boolean => "a boolean",
            Self::List => "an array of strings",
        }
    }
}

/// One value or table of the file, as the schema describes it.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    /// Contains the description, the default and the examples.
    outer: &'a Map<String, Value>,
    /// Contains the type and its limits; differs from `outer` for an optional enumeration.
    core: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    fn new(schema: &'a Value) -> Self {
        let outer = schema
            .as_object()
            .expect("every schema of the configuration is an object");
        let is_value = |schema: &&'a Map<String, Value>| schema.get("type") != Some(&"null".into());
        let core = alternatives(outer, "anyOf").find(is_value).unwrap_or(outer);
        Self { outer, core }
    }

    /// The text of the doc comment.
    pub(super) fn description(self) -> &'a str {
        self.outer
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The default, if there is one.
    pub(super) fn default(self) -> Option<&'a Value> {
        self.outer.get("default").filter(|value| !value.is_null())
    }

    /// An example, for options without a default.
    pub(super) fn example(self) -> Option<&'a Value> {
        self.outer.get("examples")?.as_array()?.first()
    }

    /// The required kind.
    pub(super) fn kind(self) -> Kind {
        let names: Vec<&str> = match self.core.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        match names.iter().find(|name| **name != "null").copied() {
            Some("object") => Kind::Table,
            Some("integer") => Kind::Integer,
            Some("array") => Kind::List,
            Some("boolean") => Kind::Boolean,
            _ => Kind::Text,
        }
    }

    /// The allowed values, if they are a fixed set.
    pub(super) fn choices(self) -> Vec<&'a str> {
        alternatives(self.core, "oneOf")
            .filter_map(|choice| choice.get("const")?.as_str())
            .collect()
    }

    /// The minimum and maximum of a number.
    pub(super) fn limits(self) -> (Option<i64>, Option<i64>) {
        let limit = |name| self.core.get(name).and_then(Value::as_i64);
        (limit("minimum"), limit("maximum"))
    }

    /// The keys that a table may have, in alphabetical order.
    pub(super) fn keys(self) -> BTreeMap<&'a str, Node<'a>> {
        let properties = self.core.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(|(key, schema)| (key.as_str(), Node::new(schema)))
            .collect()
    }

    /// The node below a user-defined key, such as the name of a profile.
    pub(super) fn any_key(self) -> Option<Node<'a>> {
        let schema = self.core.get("additionalProperties")?;
        schema.is_object().then(|| Node::new(schema))
    }
}

fn alternatives<'a>(
    schema: &'a Map<String, Value>,
    keyword: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> {
    let schemas = schema.get(keyword).and_then(Value::as_array);
    schemas.into_iter().flatten().filter_map(Value::as_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_types_limits_choices_and_defaults() {
        let schema = ResolvedSchema::of_config();
        let sections = schema.root().keys();

        let expires = sections["invitations"].keys()["expires_days"];
        assert_eq!(expires.kind(), Kind::Integer);
        assert_eq!(expires.limits(), (Some(1), Some(30)));
        assert_eq!(expires.default(), Some(&Value::from(7)));

        let format = sections["output"].keys()["format"];
        assert_eq!(format.choices(), ["table", "json", "yaml", "csv", "ndjson"]);
        assert_eq!(format.default(), None);
        assert!(format.description().starts_with("The format if"));

        let profile = sections["profiles"].any_key().unwrap();
        assert_eq!(profile.kind(), Kind::Table);
        assert_eq!(profile.keys()["protected"].kind(), Kind::Boolean);
        assert_eq!(profile.keys()["database_url"].kind(), Kind::Text);
    }

    #[test]
    fn the_published_schema_refuses_unknown_keys() {
        let schema = json_schema();
        assert_eq!(schema["additionalProperties"], Value::Bool(false));
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }
}
