//! Columns that users can write in their own row of a table of users and that policies depend on.
//! If users can change a role or an admin flag there, they can give themselves privileges.

use std::collections::BTreeMap;

use super::{
    effective::{Effective, Side, text},
    grants::revoke_update_of,
    lookups::{Lookup, lookups, words},
    stale::is_in_body,
};
use crate::audit::{
    catalog::{Column, Oid, Policy, PolicyCommand, Relation},
    expression::Confinement,
    findings::Findings,
    model::{AppRole, Belonging, Model},
    report::{Check, Confidence, Finding, Fix, Phase},
};

pub(super) fn editable(model: &Model, check: &Check, findings: &mut Findings) {
    let effective = Effective::of(model);
    let globals = model.tenancy.tables.iter();
    let users: BTreeMap<Oid, i16> = globals
        .filter(|(_, how)| **how == Belonging::Global)
        .map(|(oid, _)| (*oid, 0))
        .collect();
    let mut trusted: BTreeMap<Oid, Vec<Lookup<'_>>> = BTreeMap::new();
    for lookup in lookups(&effective, &users) {
        trusted.entry(lookup.table.oid).or_default().push(lookup);
    }
    for lookups in trusted.into_values() {
        let table = lookups[0].table;
        for column in model.catalog.columns_of(table.oid) {
            let mut deciding = lookups.iter().filter(|one| decides(model, one, column));
            let Some(first) = deciding.next() else {
                continue;
            };
            let writers = writers(&effective, table, column);
            if is_flag(&effective, table, column) && !writers.is_empty() {
                let others = deciding.count();
                findings.push(finding(model, check, first, others, column, &writers));
            }
        }
    }
}

/// `true` if a column may represent a permission. Columns that identify the user and timestamps do
/// not.
fn is_flag(effective: &Effective<'_>, table: &Relation, column: &Column) -> bool {
    const FLAGS: [Oid; 6] = [Oid(16), Oid(25), Oid(1043), Oid(20), Oid(23), Oid(1009)];
    let catalog = &effective.model.catalog;
    let in_key = catalog
        .indexes_of(table.oid)
        .iter()
        .any(|index| index.unique && index.keys.contains(&column.number));
    let decides = FLAGS.contains(&column.base_type) || column.type_kind == "e";
    decides && !in_key && !effective.identities.is_identity(table.oid, column.number)
}

/// `true` if a policy, or a function through which it looks up the table, names the column.
fn decides(model: &Model, lookup: &Lookup<'_>, column: &Column) -> bool {
    let names = |text: &str| words(text).any(|word| word == column.name);
    if lookup.through.is_empty() {
        let policy = lookup.policy;
        return [&policy.using_text, &policy.check_text]
            .into_iter()
            .flatten()
            .any(|text| names(text));
    }
    let mut functions = lookup.through.iter();
    functions.any(|one| names(&one.source) || is_in_body(model, one, column))
}

/// Returns the application's roles with users that may change that column of their row.
fn writers<'m>(
    effective: &Effective<'m>,
    table: &'m Relation,
    column: &Column,
) -> Vec<&'m AppRole> {
    let model = effective.model;
    let rights = &model.catalog.rights;
    let mut roles: Vec<&AppRole> = model.app_roles.roles.iter().collect();
    roles.retain(|role| {
        rights.on_column(role.oid, table.oid, column.number, "UPDATE")
            && (!model.is_bound(role.oid, table) || lets_change(effective, role, table, column))
    });
    roles
}

/// `true` if a policy lets the role update rows, and no policy checks the new value of the column.
fn lets_change(
    effective: &Effective<'_>,
    role: &AppRole,
    table: &Relation,
    column: &Column,
) -> bool {
    let asks = |policy: &Policy| {
        let check = text(policy, Side::Written).unwrap_or_default();
        words(check).any(|word| word == column.name)
    };
    let applied_policies = effective.applied_policies(table);
    let mut applied_policies = applied_policies
        .iter()
        .filter(|applied| applied.role.oid == role.oid && applied.command == PolicyCommand::Update);
    applied_policies.any(|applied| {
        let lets = |policy: &&Policy| {
            let meaning = effective.meaning(policy, Side::Reached);
            let passes = matches!(
                meaning,
                Some(Confinement::Confined(_) | Confinement::Open(_))
            );
            passes && !asks(policy)
        };
        applied.permissive.iter().any(lets)
            && !applied.restrictive.iter().any(|policy| asks(policy))
    })
}

fn finding(
    model: &Model,
    check: &Check,
    first: &Lookup<'_>,
    others: usize,
    column: &Column,
    writers: &[&AppRole],
) -> Finding {
    let table = first.table;
    let (name, column_name) = (table.display(), &column.name);
    let more = match others {
        0 => String::new(),
        1 => " and another policy".to_owned(),
        more => format!(" and {more} other policies"),
    };
    let message = format!(
        "{} may change {column_name} in rows of {name}, and the column is used by {}{more}",
        writers[0].name,
        first.display()
    );
    let mut sql = Vec::new();
    for role in writers {
        sql.extend(revoke_update_of(model, role, table, column.number));
    }
    let fix = Fix::proposal(
        Phase::Grants,
        format!("only let the server write {column_name}"),
        sql,
    );
    let finding = Finding::new(check, name, message, fix).column(column_name);
    if super::escalation::has_guard(model, table) {
        finding.confidence(Confidence::Low)
    } else {
        finding
    }
}
