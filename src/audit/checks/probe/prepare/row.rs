//! New rows: copies of existing rows with new keys. No sequence is advanced.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    target::{Target, only_table_below},
    types,
};
use crate::{
    audit::{
        catalog::{Column, ConstraintKind, Oid},
        checks::probe::judge::side_effects,
        model::{AppRole, Model},
        report::Verdict,
        spelling::{is_of_users, typed},
    },
    quoting::{identifier, literal},
};

/// A row to insert.
#[derive(Clone, Debug)]
pub(crate) struct NewRow {
    /// Its columns, with the type of those with user-defined types.
    columns: Vec<(String, Option<String>)>,
    /// The OVERRIDING clause between the columns and the values.
    overriding: &'static str,
    pub(crate) value: Value,
}

impl NewRow {
    /// Returns the INSERT statement.
    pub(crate) fn insert(&self, target: &Target) -> String {
        let list: Vec<String> = self
            .columns
            .iter()
            .map(|(name, _)| identifier(name))
            .collect();
        // Values of user-defined types were read as text, which only their input functions accept.
        let values = self.columns.iter().map(|(name, type_of_users)| {
            let given = type_of_users.as_ref().map(|type_name| {
                let value = self.value.get(name).and_then(text);
                value.map_or_else(|| "NULL".to_owned(), |value| typed(&value, type_name))
            });
            given.unwrap_or_else(|| identifier(name))
        });
        let mut known = self.value.clone();
        if let Value::Object(known) = &mut known {
            let of_users = self
                .columns
                .iter()
                .filter(|(_, type_name)| type_name.is_some());
            for (name, _) in of_users {
                known.remove(name);
            }
        }
        format!(
            "INSERT INTO {from} ({list}){overriding} SELECT {values} \
             FROM pg_catalog.jsonb_populate_record(NULL::{from}, {}::pg_catalog.jsonb)",
            literal(&known.to_string()),
            from = target.from,
            list = list.join(", "),
            values = values.collect::<Vec<_>>().join(", "),
            overriding = self.overriding,
        )
    }

    /// Returns the row with only these columns of the original row; the others are blank.
    pub(crate) fn with_only(&self, model: &Model, target: &Target, kept: &BTreeSet<&str>) -> Self {
        let mut value = self.value.clone();
        let columns = model.catalog.columns_of(target.object).iter();
        for column in columns.filter(|column| !kept.contains(column.name.as_str())) {
            if let Some(value) = value.get_mut(&column.name) {
                *value = blank(column);
            }
        }
        Self {
            value,
            ..self.clone()
        }
    }

    /// Returns a statement that reports whether the row exists and meets the condition.
    pub(crate) fn exists(&self, target: &Target, condition: &str) -> Option<String> {
        exists(target, &self.value, condition)
    }
}

/// Returns a statement that reports whether a row with the key of `row` exists and meets a
/// condition; `None` if no column identifies the rows.
pub(crate) fn exists(target: &Target, row: &Value, condition: &str) -> Option<String> {
    let key = target
        .id
        .iter()
        .map(|one| one.number.and_then(|_| text(row.get(&one.name)?)));
    let key: Vec<String> = key.collect::<Option<_>>()?;
    if key.is_empty() {
        return None;
    }
    Some(format!(
        "SELECT pg_catalog.to_jsonb(EXISTS (SELECT FROM {} t WHERE {} AND {condition}))",
        target.stored,
        target.is_one_of(&[key])
    ))
}

/// Returns a copy of a row with new keys, limited to the columns that a role may insert.
///
/// # Errors
/// The verdict if no such row is possible.
pub(crate) fn copy(
    model: &Model,
    target: &Target,
    role: &AppRole,
    row: &Value,
    force: bool,
) -> Result<NewRow, Verdict> {
    let rights = &model.catalog.rights;
    let all = model.catalog.columns_of(target.object);
    let may = |column: &&Column| {
        !column.generated && rights.on_column(role.oid, target.object, column.number, "INSERT")
    };
    let columns: Vec<&Column> = all.iter().filter(may).collect();
    let given: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    if let Some(column) = default_with_side_effects(model, target.object, &given).filter(|_| !force)
    {
        return Err(Verdict::Skipped(format!(
            "the default of {column} may outlive a rollback; use --force to evaluate it"
        )));
    }
    let mut values: Map<String, Value> = Map::new();
    for column in &columns {
        let value = row.get(&column.name).cloned().unwrap_or_default();
        let value = if needs_new_value(model, target.object, column) {
            new_value(column, &value).unwrap_or(value)
        } else {
            value
        };
        values.insert(column.name.clone(), value);
    }
    let value = Value::Object(values);
    let named = columns.iter().map(|column| {
        let of_users = is_of_users(column.base_type).then(|| column.type_name.clone());
        (column.name.clone(), of_users)
    });
    let overriding = if columns.iter().any(|column| column.identity) {
        " OVERRIDING SYSTEM VALUE"
    } else {
        ""
    };
    Ok(NewRow {
        columns: named.collect(),
        overriding,
        value,
    })
}

/// Returns a column without a value and with a default that has side effects.
fn default_with_side_effects<'m>(
    model: &'m Model,
    relation: Oid,
    given: &BTreeSet<&str>,
) -> Option<&'m str> {
    let stored = only_table_below(model, relation).unwrap_or(relation);
    let mut columns = model.catalog.columns_of(stored).iter();
    let column = columns.find(|column| {
        let default = column.default_text.as_deref();
        let has_side_effects =
            default.is_some_and(|default| side_effects::default_has_side_effects(model, default));
        !given.contains(column.name.as_str())
            && !column.generated
            && (has_side_effects || column.identity)
    })?;
    Some(&column.name)
}

/// `true` if a column needs a new value for a second row: it is in a unique key, and neither names
/// the tenant nor refers to another row. A column with a list of allowed values (a kind, a channel)
/// keeps its value if another column of each key distinguishes the rows, because no CHECK accepts
/// a generated value.
fn needs_new_value(model: &Model, relation: Oid, column: &Column) -> bool {
    let stored = only_table_below(model, relation).unwrap_or(relation);
    let Some(column) = model.catalog.column_named(stored, &column.name) else {
        return false;
    };
    let number = column.number;
    let tenant = model.tenancy.key(stored);
    let indexes = model.catalog.indexes_of(stored).iter();
    let mut keys = indexes
        .filter(|index| index.unique && index.keys.contains(&number))
        .map(|index| &index.keys);
    let is_needed = if is_listed(model, stored, number) {
        let tells_apart = |one: &i16| Some(*one) != tenant && !is_listed(model, stored, *one);
        keys.any(|key| !key.iter().any(tells_apart))
    } else {
        keys.next().is_some()
    };
    tenant != Some(number)
        && is_needed
        && !model
            .catalog
            .foreign_keys(stored)
            .any(|key| key.columns.contains(&number))
}

/// `true` if a CHECK on the column alone lists its allowed values.
fn is_listed(model: &Model, table: Oid, column: i16) -> bool {
    let mut constraints = model.catalog.constraints_of(table).iter();
    constraints.any(|one| {
        one.kind == ConstraintKind::Check
            && one.columns == [column]
            && one.definition.contains("= ANY (")
    })
}

/// Returns a value like `old` that no row is likely to have.
fn new_value(column: &Column, old: &Value) -> Option<Value> {
    let seed = format!("{} {} {old}", column.relation.0, column.name);
    Some(match column.base_type {
        types::UUID => Value::from(uuid_from(&seed)),
        types::INT2 | types::NUMERIC => Value::from(31_999),
        types::INT4 => Value::from(2_099_999_999),
        types::INT8 => Value::from(9_199_999_999_999_999_999_i64),
        types::TEXT | types::VARCHAR | types::BPCHAR => {
            let uuid = uuid_from(&seed);
            let length = old
                .as_str()
                .map_or(8, |old| old.chars().count())
                .clamp(1, uuid.len());
            Value::from(&uuid[..length])
        }
        _ => return None,
    })
}

/// Returns a UUID of version 8 (RFC 9562, 5.8) that only depends on the seed, so that two runs
/// return the same.
pub(crate) fn uuid_from(seed: &str) -> String {
    let digest = Sha256::digest(seed.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// Returns a placeholder for a value that is not shown: NULL, or for a NOT NULL column a value of
/// its type, if the type is known.
pub(crate) fn blank(column: &Column) -> Value {
    if !column.not_null {
        return Value::Null;
    }
    match column.base_type {
        types::TEXT | types::VARCHAR | types::BPCHAR => Value::from("…"),
        types::INT2 | types::INT4 | types::INT8 | types::NUMERIC => Value::from(0),
        types::BOOL => Value::from(false),
        types::DATE | types::TIMESTAMP | types::TIMESTAMPTZ => Value::from("epoch"),
        types::JSON | types::JSONB => Value::Object(Map::new()),
        _ => Value::Null,
    }
}

/// Returns a constant of a type; `None` for a value without a plain text form in JSON.
pub(crate) fn constant(value: &Value, type_name: &str) -> Option<String> {
    if value.is_null() {
        return Some("NULL".to_owned());
    }
    let is_document = matches!(type_name, "json" | "jsonb");
    let text = if is_document {
        Some(value.to_string())
    } else {
        text(value)
    };
    Some(typed(&text?, type_name))
}

/// Returns a value in the text form of PostgreSQL.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_quoted_with_their_type() {
        assert_eq!(
            constant(&Value::from("it's"), "text").unwrap(),
            "'it''s'::pg_catalog.text"
        );
        assert_eq!(
            constant(&serde_json::json!({"a": 1}), "jsonb").unwrap(),
            "'{\"a\":1}'::pg_catalog.jsonb"
        );
        assert_eq!(constant(&serde_json::json!([1]), "integer[]"), None);
    }

    #[test]
    fn the_same_seed_makes_the_same_key() {
        assert_eq!(uuid_from("a"), uuid_from("a"));
        assert_ne!(uuid_from("a"), uuid_from("b"));
        assert_eq!(
            uuid::Uuid::parse_str(&uuid_from("a"))
                .unwrap()
                .get_version_num(),
            8
        );
    }
}
