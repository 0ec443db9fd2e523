//! Policies that accept memberships that have ended.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    check,
    effective::Effective,
    lookups::{Lookup, directories, lookups, words},
    wording::listed,
};
use crate::{
    audit::{
        catalog::{Column, Function, Oid, PolicyCommand, Relation},
        expression::{Expr, walk},
        findings::{Findings, Rule},
        model::Model,
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const MEMBERSHIP: Rule = Rule {
    check: check(
        "policy-stale-membership",
        (Severity::Medium, Confidence::Medium),
        "a policy accepts memberships that have ended",
        include_str!("../../../../docs/audit/policy-stale-membership.md"),
    ),
    run: membership,
};

/// Timestamps that end a row. A row without one is valid.
const ENDS: &[&str] = &[
    "revoked_at",
    "deleted_at",
    "removed_at",
    "ended_at",
    "left_at",
    "deactivated_at",
    "disabled_at",
    "suspended_at",
    "archived_at",
];
/// Timestamps that end a row and may be in the future.
const UNTIL: &[&str] = &[
    "expires_at",
    "expired_at",
    "ends_at",
    "valid_until",
    "valid_to",
    "end_date",
];
/// Timestamps that start a row. A row without one is not valid yet.
const BEGINS: &[&str] = &["accepted_at", "activated_at", "confirmed_at"];
const POSITIVE: &[&str] = &["active", "is_active", "enabled", "is_enabled", "accepted"];
const NEGATIVE: &[&str] = &[
    "revoked",
    "is_revoked",
    "deleted",
    "is_deleted",
    "removed",
    "disabled",
    "is_disabled",
    "suspended",
    "is_suspended",
    "pending",
    "is_pending",
];
/// Columns with values that only the application knows.
const STATES: &[&str] = &["status", "state"];

fn membership(model: &Model, check: &Check, findings: &mut Findings) {
    let effective = Effective::of(model);
    let mut ends: BTreeMap<Oid, Vec<&Column>> = BTreeMap::new();
    for one in &model.tenancy.memberships {
        let columns = model.catalog.columns_of(one.relation).iter();
        let named: Vec<&Column> = columns.filter(|column| tells_end(&column.name)).collect();
        if !named.is_empty() {
            ends.insert(one.relation, named);
        }
    }
    let directories = directories(model, &effective.identities);
    let mut reported = BTreeSet::new();
    for lookup in lookups(&effective, &directories) {
        let Some(columns) = ends.get(&lookup.table.oid) else {
            continue;
        };
        if columns
            .iter()
            .any(|column| is_asked(model, &lookup, column))
        {
            continue;
        }
        let finding = finding(model, check, &lookup, columns);
        // Many policies may share one function, so it is only reported once.
        if reported.insert(finding.fingerprint.clone()) {
            findings.push(finding);
        }
    }
}

fn tells_end(name: &str) -> bool {
    [ENDS, UNTIL, BEGINS, POSITIVE, NEGATIVE, STATES]
        .iter()
        .any(|names| names.contains(&name))
}

/// `true` if the lookup checks the column: in the policy itself, in a function that it calls, or in
/// the policies of the membership table, if they apply to the lookup.
fn is_asked(model: &Model, lookup: &Lookup<'_>, column: &Column) -> bool {
    let of_policy = [&lookup.policy.using_text, &lookup.policy.check_text];
    let mut texts: Vec<&str> = of_policy
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    texts.extend(
        lookup
            .through
            .iter()
            .map(|function| function.source.as_str()),
    );
    let definer = lookup.through.iter().any(|function| function.definer);
    let mut roles = model.app_roles.roles.iter();
    if !definer && roles.all(|role| model.is_bound(role.oid, lookup.table)) {
        let policies = model.catalog.policies_of(lookup.table.oid).iter();
        let of_select = policies.filter(|one| one.command.covers(PolicyCommand::Select));
        texts.extend(of_select.filter_map(|one| one.using_text.as_deref()));
    }
    let in_text = texts
        .iter()
        .any(|text| words(text).any(|word| word == column.name));
    in_text
        || lookup
            .through
            .iter()
            .any(|function| is_in_body(model, function, column))
}

/// `true` if a parsed body refers to a column with that number. It may be another table's, but a
/// missed finding is better here than a false one.
pub(super) fn is_in_body(model: &Model, function: &Function, column: &Column) -> bool {
    let facts = model.meaning.function(function.oid.0);
    let Some(body) = facts.and_then(|facts| facts.body.as_ref()) else {
        return false;
    };
    let mut found = false;
    walk(body, &mut |one, _| {
        found |= matches!(one, Expr::Column { number, .. } if *number == column.number);
    });
    found
}

fn finding(model: &Model, check: &Check, lookup: &Lookup<'_>, columns: &[&Column]) -> Finding {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let (table, names) = (lookup.table.display(), listed(&names));
    let direct = lookup.display();
    let (object, part, who) = match lookup.through.first() {
        Some(function) => (
            function.display(),
            None,
            format!("function {}", function.display()),
        ),
        None => (
            lookup.relation.display(),
            Some(&lookup.policy.name),
            direct.clone(),
        ),
    };
    let message = format!(
        "{who} looks up {table} without checking {names}: a former member may still have access"
    );
    let finding = Finding::new(check, object, message, fix(model, lookup, columns));
    match part {
        Some(part) => finding.part(part),
        None => finding.fact(format!("called by {direct}")),
    }
}

/// Returns the fix: a restrictive policy on the memberships applies to every lookup under row-level
/// security.
fn fix(model: &Model, lookup: &Lookup<'_>, columns: &[&Column]) -> Fix {
    let table = lookup.table;
    let summary = format!("only accept current memberships of {}", table.display());
    let condition = columns.iter().find_map(|column| condition(column));
    let bound = model
        .app_roles
        .roles
        .iter()
        .all(|role| model.is_bound(role.oid, table));
    match condition {
        Some(condition) if bound && lookup.through.is_empty() => {
            Fix::proposal(Phase::Policies, summary, [create(model, table, &condition)])
        }
        _ => Fix::advice(Phase::Policies, summary),
    }
}

fn create(model: &Model, table: &Relation, condition: &str) -> String {
    let taken = |name: &str| {
        model
            .catalog
            .policies_of(table.oid)
            .iter()
            .any(|policy| policy.name == name)
    };
    let mut name = "lasting".to_owned();
    while taken(&name) {
        name.push('_');
    }
    format!(
        "CREATE POLICY {} ON {} AS RESTRICTIVE FOR SELECT USING ({condition})",
        identifier(&name),
        table.quoted()
    )
}

/// Returns the condition that a membership is current; `None` if the values of the column are
/// unknown.
fn condition(column: &Column) -> Option<String> {
    let (name, quoted) = (column.name.as_str(), identifier(&column.name));
    let is_truth = column.type_name == "boolean";
    if ENDS.contains(&name) && !is_truth {
        Some(format!("{quoted} IS NULL"))
    } else if UNTIL.contains(&name) && !is_truth {
        Some(format!("{quoted} IS NULL OR {quoted} > now()"))
    } else if BEGINS.contains(&name) && !is_truth {
        Some(format!("{quoted} IS NOT NULL"))
    } else if POSITIVE.contains(&name) && is_truth {
        Some(quoted)
    } else if NEGATIVE.contains(&name) && is_truth {
        Some(format!("NOT {quoted}"))
    } else {
        None
    }
}
