//! Tables in which users can write their own tenant.

use std::collections::BTreeMap;

use super::{
    check,
    effective::{AppliedPolicies, Effective, Side, expression, text},
    flags,
    grants::{revoke, revoke_update_of},
    lookups::{Lookup, directories, lookups},
    metadata,
    wording::policy_name,
};
use crate::audit::{
    catalog::{Oid, Policy, PolicyCommand, Relation},
    expression::{Confinement, Expr, relations, row_columns, walk},
    findings::{Findings, Rule},
    model::{AppRole, Model},
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const USER_EDITABLE: Rule = Rule {
    check: check(
        "policy-user-editable",
        (Severity::High, Confidence::Medium),
        "a policy trusts data that users can edit",
        include_str!("../../../../docs/audit/policy-user-editable.md"),
    ),
    run: |model, check, findings| {
        metadata::trusted(model, check, findings);
        writable(model, check, false, findings);
        flags::editable(model, check, findings);
    },
};

pub(super) const SELF_ESCALATION: Rule = Rule {
    check: check(
        "policy-self-escalation",
        (Severity::High, Confidence::Medium),
        "users can make themselves members of any tenant",
        include_str!("../../../../docs/audit/policy-self-escalation.md"),
    ),
    run: |model, check, findings| writable(model, check, true, findings),
};

/// A statement with which a user joins another tenant.
struct Way<'m> {
    policy: &'m Policy,
    role: &'m AppRole,
    command: PolicyCommand,
}

/// Reports tables that policies look up the session's tenant in and that its user can write:
/// memberships, or others such as profiles.
fn writable(model: &Model, check: &Check, memberships: bool, findings: &mut Findings) {
    let effective = Effective::of(model);
    let directories = directories(model, &effective.identities);
    let mut trusted: BTreeMap<Oid, Vec<Lookup<'_>>> = BTreeMap::new();
    for lookup in lookups(&effective, &directories) {
        trusted.entry(lookup.table.oid).or_default().push(lookup);
    }
    for (oid, lookups) in trusted {
        let Some(key) = model.tenancy.key(oid) else {
            continue;
        };
        if model.tenancy.membership(oid).is_some() != memberships {
            continue;
        }
        let table = &model.catalog.relations[&oid];
        let mut ways: BTreeMap<Oid, Vec<Way<'_>>> = BTreeMap::new();
        for applied in effective.applied_policies(table) {
            for policy in own_tenant(&effective, &applied, key) {
                let (role, command) = (applied.role, applied.command);
                let way = Way {
                    policy,
                    role,
                    command,
                };
                ways.entry(policy.oid).or_default().push(way);
            }
        }
        for ways in ways.into_values() {
            findings.push(finding(model, check, table, key, &ways, &lookups));
        }
    }
}

/// Returns the policies that let users write their own row with any tenant.
fn own_tenant<'m>(
    effective: &Effective<'m>,
    applied: &AppliedPolicies<'m>,
    key: i16,
) -> Vec<&'m Policy> {
    let model = effective.model;
    if applied.side == Side::Reached {
        return Vec::new();
    }
    let looks = |policy: &&Policy| {
        let expr = expression(model, policy, Side::Written);
        expr.is_some_and(|expr| looks_further(model, expr, key))
    };
    if applied.restrictive.iter().any(looks) {
        return Vec::new();
    }
    let mut permissive = applied.permissive.clone();
    permissive.retain(|policy| {
        let meaning = effective.meaning(policy, Side::Written);
        matches!(meaning, Some(Confinement::Confined(_))) && !looks(policy)
    });
    permissive
}

/// `true` if an expression checks more than the user: the tenant, other rows such as an invitation,
/// or the result of a function for the row.
fn looks_further(model: &Model, expr: &Expr, key: i16) -> bool {
    let mut asks_function = false;
    walk(expr, &mut |one, _| {
        if let Expr::Call { function, args } = one {
            asks_function |= !args.is_empty() && model.meaning.function(*function).is_some();
        }
    });
    asks_function || row_columns(expr).contains(&key) || !relations(expr).is_empty()
}

fn finding(
    model: &Model,
    check: &Check,
    table: &Relation,
    key: i16,
    ways: &[Way<'_>],
    lookups: &[Lookup<'_>],
) -> Finding {
    const SHOWN: usize = 3;
    let policy = ways[0].policy;
    let column = model.column_name(table.oid, key);
    let others = match lookups.len() {
        1 => String::new(),
        2 => " and another policy".to_owned(),
        more => format!(" and {} other policies", more - 1),
    };
    let message = format!(
        "{} lets users write their own row with any {column}, and their tenant is read from it by \
         {}{others}",
        policy_name(table, policy),
        lookups[0].display()
    );
    let mut sql = Vec::new();
    for way in ways {
        sql.extend(match way.command {
            PolicyCommand::Insert => revoke(model, way.role, table, &["INSERT"]),
            _ => revoke_update_of(model, way.role, table, key),
        });
    }
    sql.dedup();
    let fix = Fix::proposal(
        Phase::Grants,
        format!("only let the server, or a function that checks an invitation, write {column}"),
        sql,
    );
    let mut finding = Finding::new(check, table.display(), message, fix)
        .part(&policy.name)
        .column(column)
        .fact(text(policy, Side::Written).unwrap_or_default());
    for lookup in lookups.iter().skip(1).take(SHOWN) {
        finding = finding.fact(format!("trusted by {}", lookup.display()));
    }
    if has_guard(model, table) {
        finding = finding.confidence(Confidence::Low);
    }
    finding
}

/// `true` if the table has a trigger that may refuse the row. Its function is not analyzed.
pub(super) fn has_guard(model: &Model, table: &Relation) -> bool {
    // Bits of `pg_trigger.tgtype`: before, and insert or update.
    const BEFORE: i16 = 2;
    const WRITES: i16 = 4 | 16;
    model
        .catalog
        .triggers_of(table.oid)
        .iter()
        .any(|trigger| trigger.enabled && trigger.bits & BEFORE != 0 && trigger.bits & WRITES != 0)
}
