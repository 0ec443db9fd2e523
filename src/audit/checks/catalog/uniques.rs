//! Unique keys that reach across tenants: the error for a value that is taken tells that another
//! tenant has it.

use std::collections::BTreeSet;

use super::{
    check,
    wording::{columns_for_people, columns_for_statements, fresh_name},
};
use crate::{
    audit::{
        catalog::{Catalog, Column, Constraint, ConstraintKind, Index, Oid, Relation},
        findings::{Findings, Rule},
        model::{Belonging, Model},
    },
    domain::audit::{Check, Confidence, Finding, Fix, Phase, Severity},
    quoting::identifier,
};

pub(super) const ACROSS_TENANTS: Rule = Rule {
    check: check(
        "unique-across-tenants",
        (Severity::Medium, Confidence::Medium),
        "a unique key reaches across tenants, and tells what others have",
        include_str!("../../../../docs/audit/unique-across-tenants.md"),
    ),
    run: across_tenants,
};

/// In the names of columns whose values nobody can guess, or that are unique in the whole world
/// by nature.
const UNGUESSABLE: &[&str] = &[
    "token",
    "hash",
    "secret",
    "digest",
    "nonce",
    "signature",
    "api_key",
    "idempotency",
    "uuid",
    "guid",
    "ulid",
    "cuid",
    "stripe",
    "domain",
    "hostname",
];

fn across_tenants(model: &Model, check: &Check, findings: &mut Findings) {
    let referred_to = referred_to(&model.catalog);
    for relation in model.tenant_tables().filter(|relation| !relation.partition) {
        let Some(scope) = scope_columns(model, relation) else {
            continue;
        };
        // Only who writes is told that a value is taken.
        let written = model.actors.roles.iter().any(|role| {
            let may = model.privileges(role.oid, relation);
            may.insert || may.update
        });
        if !written {
            continue;
        }
        for index in model.catalog.indexes_of(relation.oid) {
            if !tells_of_others(model, relation, scope, index) {
                continue;
            }
            let name = relation.display();
            let columns = index_columns(model, index);
            let message = format!(
                "{} of {name} ({columns}) is unique across tenants: the error for a value that is \
                 taken tells one tenant what another has, and two tenants cannot have the same",
                index.name
            );
            let fix = fix(
                model,
                relation,
                scope,
                index,
                referred_to.contains(&index.oid),
            );
            let finding = Finding::new(check, &name, message, fix)
                .part(&index.name)
                .fact(if index.primary {
                    format!("PRIMARY KEY ({columns})")
                } else {
                    index.definition.clone()
                });
            findings.push(finding);
        }
    }
}

/// The columns of which a unique key has to hold one, to be unique within a tenant: the tenant
/// key, or the way to the parent. The table of tenants is unique across them by nature.
fn scope_columns<'m>(model: &'m Model, relation: &Relation) -> Option<&'m [i16]> {
    match model.tenancy.of(relation.oid) {
        Belonging::Keyed(key) => Some(std::slice::from_ref(key)),
        Belonging::Child(link) => Some(&link.columns),
        _ => None,
    }
}

fn tells_of_others(model: &Model, relation: &Relation, scope: &[i16], index: &Index) -> bool {
    if !(index.unique || index.exclusion) || !index.valid {
        return false;
    }
    let within = |columns: &[i16]| columns.iter().all(|column| index.keys.contains(column));
    // The values of a key that refers to a tenant's row are that tenant's.
    let refers = model.catalog.foreign_keys(relation.oid).any(|constraint| {
        model.tenancy.is_tenants(constraint.target) && within(&constraint.columns)
    });
    let expression_with_key = index.keys.contains(&0)
        && scope.iter().any(|column| {
            index
                .definition
                .contains(model.column_name(relation.oid, *column))
        });
    let unguessable = index
        .keys
        .iter()
        .filter_map(|number| model.catalog.column(relation.oid, *number))
        .any(|column| is_unguessable(column) || is_surrogate(column, index));
    !within(scope) && !refers && !expression_with_key && !unguessable
}

/// Whether nobody can guess a value that another tenant has.
fn is_unguessable(column: &Column) -> bool {
    const UUID: Oid = Oid(2950);
    const BYTEA: Oid = Oid(17);
    let name = column.name.to_lowercase();
    let default = column.default_text.as_deref().unwrap_or("").to_lowercase();
    matches!(column.base_type, UUID | BYTEA)
        || UNGUESSABLE.iter().any(|part| name.contains(part))
        || ["random", "uuid", "ulid", "cuid", "nanoid"]
            .iter()
            .any(|part| default.contains(part))
}

/// Whether the column is a number or text that means nothing: made by a sequence, or the only
/// column of a primary key that is called so or is a number.
fn is_surrogate(column: &Column, index: &Index) -> bool {
    const INTEGERS: [Oid; 3] = [Oid(20), Oid(21), Oid(23)];
    let made = column.identity
        || column
            .default_text
            .as_deref()
            .is_some_and(|default| default.contains("nextval("));
    let only = index.primary && index.keys.len() == 1;
    made || (only
        && (INTEGERS.contains(&column.base_type) || column.name.eq_ignore_ascii_case("id")))
}

/// The columns for people; an expression is what the definition says.
fn index_columns(model: &Model, index: &Index) -> String {
    if index.keys.contains(&0) {
        let (_, columns) = index
            .definition
            .split_once(" (")
            .unwrap_or(("", "expression)"));
        let end = columns.rfind(')').unwrap_or(columns.len());
        columns[..end].to_owned()
    } else {
        columns_for_people(model, index.relation, &index.keys)
    }
}

/// The indexes that foreign keys rest on: they cannot be dropped before those.
fn referred_to(catalog: &Catalog) -> BTreeSet<Oid> {
    let constraints = catalog.constraints.values().flatten();
    constraints
        .filter(|constraint| constraint.kind == ConstraintKind::Foreign)
        .map(|constraint| constraint.index)
        .collect()
}

fn fix(model: &Model, relation: &Relation, scope: &[i16], index: &Index, held: bool) -> Fix {
    let scope_names = columns_for_people(model, relation.oid, scope);
    let summary = format!(
        "make {} unique within a tenant: begin it with {scope_names}",
        index.name
    );
    let sql = (!held && !index.primary && !index.exclusion)
        .then(|| scoped(model, relation, scope, index))
        .flatten();
    match sql {
        Some(sql) => Fix::proposal(Phase::Keys, summary, sql),
        None => Fix::advice(Phase::Keys, summary),
    }
}

/// The same key with the tenant's columns before the others.
fn scoped(model: &Model, relation: &Relation, scope: &[i16], index: &Index) -> Option<Vec<String>> {
    let catalog = &model.catalog;
    let table = relation.quoted();
    let prefix = columns_for_statements(catalog, relation.oid, scope);
    let own = |constraint: &&Constraint| {
        constraint.index == index.oid && constraint.kind == ConstraintKind::Unique
    };
    let old = index
        .name
        .strip_prefix(&format!("{}_", relation.name))
        .unwrap_or(&index.name);
    let name = fresh_name(catalog, relation.oid, &format!("tenant_{old}"), "key");
    if let Some(constraint) = catalog.constraints_of(relation.oid).iter().find(own) {
        let rest = constraint.definition.split_once('(')?;
        return Some(vec![
            format!(
                "ALTER TABLE {table} ADD CONSTRAINT {} {}({prefix}, {}",
                identifier(&name),
                rest.0,
                rest.1
            ),
            format!(
                "ALTER TABLE {table} DROP CONSTRAINT {}",
                identifier(&constraint.name)
            ),
        ]);
    }
    let (_, rest) = index
        .definition
        .split_once(&format!(" USING {} (", index.method))?;
    Some(vec![
        format!(
            "CREATE UNIQUE INDEX {} ON {table} USING {} ({prefix}, {rest}",
            identifier(&name),
            index.method
        ),
        format!(
            "DROP INDEX {}.{}",
            identifier(&relation.schema),
            identifier(&index.name)
        ),
    ])
}
