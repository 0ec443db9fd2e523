//! Rows without a column that names the tenant: those of functions, and of views without the tenant
//! key. They belong to another tenant if they contain its key, or the primary key of a row that the
//! auditor finds to be another tenant's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::{
    audit::{
        catalog::{Column, Oid},
        checks::probe::{
            attempt::ProbeAttempt,
            execute::{batch, statement::Statement},
            identity::ProbeIdentity,
            inputs::ProbeInputs,
            prepare::{
                survey,
                target::{Target, TenantSource},
            },
        },
        model::Model,
        report::Verdict,
        session::Session,
        spelling::{self, typed},
    },
    error::Result,
    quoting::{identifier, literal},
};

/// `uuid` (catalog/pg_type.dat): its values are unique across tables, so that finding one is
/// enough.
const UUID: Oid = Oid(2950);

/// Minimum number of columns that make a document a copy of a row.
const MIN_COLUMNS: usize = 3;

/// Classifies the returned rows. A row of an unknown tenant is neither a leak nor a pass.
pub(crate) async fn determine(
    inputs: &ProbeInputs<'_>,
    connection: &mut Session,
    attempts: &mut [ProbeAttempt<'_>],
) -> Result<()> {
    let mut proofs: BTreeMap<usize, Option<Value>> = BTreeMap::new();
    let mut lookups: Vec<(usize, Statement)> = Vec::new();
    for (place, one) in attempts.iter().enumerate() {
        let target = &inputs.targets[one.target];
        if target.tenant_source != TenantSource::Values || !matches!(one.verdict, Verdict::Leak(_))
        {
            continue;
        }
        let rows = rows_of(one);
        let proof = rows
            .iter()
            .find(|row| match target.is_of_documents() {
                true => holds_copy(inputs, one.identity, row),
                false => holds_key(inputs, one.identity, target, row),
            })
            .cloned();
        if proof.is_none() {
            let sql = look_up(inputs, one.identity, target, rows);
            lookups.extend(
                sql.into_iter()
                    .map(|(table, sql)| (place, Statement::scan(sql).on(table))),
            );
        }
        proofs.insert(place, proof);
    }
    let statements: Vec<Statement> = lookups.iter().map(|(_, one)| one.clone()).collect();
    let replies = batch::run(connection, inputs.options.locks, &statements).await?;
    let mut unanswered: BTreeMap<usize, String> = BTreeMap::new();
    for ((place, _), reply) in lookups.iter().zip(replies) {
        if let Some(refusal) = reply.refusal.filter(Refusal::is_unanswered) {
            unanswered.insert(*place, refusal.text(inputs.options.show_values));
        }
        if let Some(id) = reply.value.as_ref().and_then(Value::as_str) {
            let row = rows_of(&attempts[*place])
                .iter()
                .find(|row| leaves(row).iter().any(|(_, value)| value == id));
            proofs.insert(*place, row.cloned());
        }
    }
    for (place, proof) in proofs {
        let one = &mut attempts[place];
        if proof.is_none() {
            let reason = "its rows do not identify another tenant";
            one.verdict = match unanswered.remove(&place) {
                Some(reason) => Verdict::Skipped(reason),
                None => Verdict::NotApplicable(reason.to_owned()),
            };
        }
        one.row = proof;
    }
    Ok(())
}

fn rows_of<'a>(attempt: &'a ProbeAttempt<'_>) -> &'a [Value] {
    attempt
        .row
        .as_ref()
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Returns the tenants with rows that the context may read; empty without a tenant.
fn own_tenants<'f>(inputs: &ProbeInputs<'f>, identity: ProbeIdentity<'_>) -> &'f [String] {
    if identity.has_tenant() {
        &inputs.pair.own(identity.context).tenants
    } else {
        &[]
    }
}

/// `true` if a row contains the key of another tenant: in a column with the key's name, or in any
/// column if keys are UUIDs.
fn holds_key(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    target: &Target,
    row: &Value,
) -> bool {
    let tenancy = &inputs.model.tenancy;
    let own = own_tenants(inputs, identity);
    let is_uuid = tenancy
        .key_type
        .as_ref()
        .is_some_and(|(oid, _)| *oid == UUID);
    let known: BTreeSet<String> = inputs.pair.names().into_iter().collect();
    let key_names = key_names(inputs.model, target);
    leaves(row).iter().any(|(name, value)| {
        let by_name = key_names.contains(name.as_str());
        let by_value = is_uuid && known.contains(value);
        (by_name || by_value) && !own.contains(value)
    })
}

/// `true` if a document in a row is a copy of another tenant's row: it has most of the columns of a
/// tenant table, and another tenant's key. A document that only mentions a tenant does not qualify.
fn holds_copy(inputs: &ProbeInputs<'_>, identity: ProbeIdentity<'_>, row: &Value) -> bool {
    let model = inputs.model;
    let own = own_tenants(inputs, identity);
    objects(row).into_iter().any(|object| {
        model.tenant_tables().any(|table| {
            let Some(key) = model.tenancy.key(table.oid) else {
                return false;
            };
            let value = object.get(model.column_name(table.oid, key));
            let of_another = value.is_some_and(|value| {
                let mut values = leaves(value).into_iter();
                values.any(|(_, value)| !own.contains(&value))
            });
            let columns = model.catalog.columns_of(table.oid);
            let held = columns.iter().filter(|one| object.contains_key(&one.name));
            let held = held.count();
            of_another && held >= MIN_COLUMNS && held * 3 >= columns.len() * 2
        })
    })
}

/// Returns the possible names of the tenant key in the result.
fn key_names<'m>(model: &'m Model, target: &Target) -> BTreeSet<&'m str> {
    let returned = model
        .catalog
        .functions
        .get(&target.object)
        .map(|one| one.return_relation);
    let of_rows = returned.and_then(|relation| {
        model
            .tenancy
            .key(relation)
            .map(|key| model.column_name(relation, key))
    });
    model
        .tenancy
        .key_name
        .as_deref()
        .into_iter()
        .chain(of_rows)
        .collect()
}

/// Returns statements, by table, for the primary key of another tenant's row that is among the
/// values.
fn look_up(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    target: &Target,
    rows: &[Value],
) -> Vec<(Oid, String)> {
    let model = inputs.model;
    let sources: Vec<&Target> = inputs
        .targets
        .iter()
        .filter(|one| {
            let relation = model.catalog.relations.get(&one.object);
            target.below.contains(&one.object)
                && relation.is_some_and(|relation| relation.is_table())
        })
        .collect();
    let statements = sources.iter().filter_map(|source| {
        let column = identifying_column(model, source, sources.len() == 1)?;
        let condition = if column.base_type == UUID {
            by_value(model, &sources, column, rows)
        } else {
            by_key_and_text(model, source, column, rows)
        }?;
        let others = survey::belongs_to_another(model, source, own_tenants(inputs, identity))?;
        let sql = format!(
            "SELECT pg_catalog.to_jsonb({}) FROM {} t WHERE ({condition}) AND {others} LIMIT 1",
            spelling::text(&format!("t.{}", identifier(&column.name)), column.base_type),
            source.from,
        );
        Some((source.object, sql))
    });
    statements.collect()
}

/// Returns the condition that the key is one of the values that look like a key.
fn by_value(model: &Model, sources: &[&Target], column: &Column, rows: &[Value]) -> Option<String> {
    let values: BTreeSet<String> = rows
        .iter()
        .flat_map(leaves)
        .filter(|(name, value)| {
            let refers = *name != column.name && is_reference(model, sources, name);
            !refers && uuid::Uuid::parse_str(value).is_ok()
        })
        .map(|(_, value)| typed(&value, &column.type_name))
        .collect();
    let list: Vec<String> = values.into_iter().collect();
    let name = identifier(&column.name);
    let equals = spelling::operator("=");
    (!list.is_empty()).then(|| spelling::is_one_of(&format!("t.{name}"), &equals, &list))
}

/// Returns the condition that the key and a text of the row match the row of the table: a number
/// alone may be anything.
fn by_key_and_text(
    model: &Model,
    source: &Target,
    column: &Column,
    rows: &[Value],
) -> Option<String> {
    let row = spelling::row("t", model.catalog.columns_of(source.object));
    let equals = spelling::operator_of("=", &column.type_kind, &column.type_name);
    let alternatives: Vec<String> = rows
        .iter()
        .flat_map(objects)
        .filter_map(|object| {
            let (_, key) = leaves(object.get(&column.name)?).pop()?;
            let others = object.iter().filter(|(name, _)| **name != column.name);
            let texts = others.filter_map(|(_, value)| value.as_str().map(literal));
            let texts: Vec<String> = texts.collect();
            (!texts.is_empty()).then(|| {
                format!(
                    "(t.{name} {equals} {key} AND EXISTS (SELECT FROM \
                     pg_catalog.jsonb_each_text({row}) v \
                     WHERE v.key OPERATOR(pg_catalog.<>) {column} \
                     AND v.value OPERATOR(pg_catalog.=) ANY (ARRAY[{texts}]::pg_catalog.text[])))",
                    name = identifier(&column.name),
                    key = typed(&key, &column.type_name),
                    column = literal(&column.name),
                    texts = texts.join(", "),
                )
            })
        })
        .collect();
    (!alternatives.is_empty()).then(|| alternatives.join(" OR "))
}

/// Returns the column that identifies a row of a table: the primary key, or its column besides the
/// tenant key if that is a UUID. Any other value may be in several tables, so the table has to be
/// the only one.
fn identifying_column<'m>(model: &'m Model, source: &Target, alone: bool) -> Option<&'m Column> {
    let tenant = model.tenancy.key(source.object);
    let key = model.catalog.primary_key(source.object);
    let mut rest = key.iter().filter(|number| Some(**number) != tenant);
    let column = model.catalog.column(source.object, *rest.next()?)?;
    let is_single = rest.next().is_none();
    (is_single && (column.base_type == UUID || (alone && key.len() == 1))).then_some(column)
}

/// `true` if a column refers to another row. A tenant's own row may contain a wrong reference,
/// which the data checks report.
fn is_reference(model: &Model, sources: &[&Target], name: &str) -> bool {
    sources.iter().any(|source| {
        model
            .catalog
            .column_named(source.object, name)
            .is_some_and(|column| {
                let mut keys = model.catalog.foreign_keys(source.object);
                keys.any(|key| key.columns.contains(&column.number))
            })
    })
}

/// Returns every object in a document, including the document itself.
fn objects(document: &Value) -> Vec<&Map<String, Value>> {
    let mut found = Vec::new();
    let mut waiting = vec![document];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(map) => {
                found.push(map);
                waiting.extend(map.values());
            }
            Value::Array(list) => waiting.extend(list),
            _ => {}
        }
    }
    found
}

/// Returns every text and number in a document, with the name that it is stored under.
fn leaves(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting: Vec<(&str, &Value)> = vec![("", document)];
    while let Some((name, value)) = waiting.pop() {
        match value {
            Value::Object(map) => {
                waiting.extend(map.iter().map(|(name, value)| (name.as_str(), value)))
            }
            Value::Array(list) => waiting.extend(list.iter().map(|value| (name, value))),
            Value::String(text) => found.push((name.to_owned(), text.clone())),
            Value::Number(number) => found.push((name.to_owned(), number.to_string())),
            Value::Null | Value::Bool(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_inside_documents() {
        let document = serde_json::json!({"notes": [{"id": 7, "org": null}], "name": "x"});
        let mut found = leaves(&document);
        found.sort();
        let expected = [
            ("id".to_owned(), "7".to_owned()),
            ("name".to_owned(), "x".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
