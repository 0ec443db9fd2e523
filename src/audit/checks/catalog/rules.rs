//! Rules that reach tenant tables: the actions of a rule run with the privileges of the owner of
//! its relation, and under the policies for that owner (PostgreSQL manual, 41.5).

use std::collections::BTreeSet;

use super::{
    check, policies,
    wording::{listed, role_names},
};
use crate::{
    audit::{
        catalog::{Oid, Relation, Rule as CatalogRule},
        expression::{RangeEntry, queries},
        findings::{Claim, Findings, Rule},
        model::{AppRole, Model},
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const BYPASS: Rule = Rule {
    check: check(
        "rule-bypass",
        (Severity::Medium, Confidence::Medium),
        "a rule reaches tenant tables with the privileges of an owner that policies do not restrict",
        include_str!("../../../../docs/audit/rule-bypass.md"),
    ),
    run: bypass,
};

fn bypass(model: &Model, check: &Check, findings: &mut Findings) {
    for relation in model.relations() {
        let rules = model.catalog.rules_of(relation.oid).iter();
        for rule in rules.filter(|rule| rule.enabled && rule.name != "_RETURN") {
            let roles = who_fires(model, relation, rule);
            let tables: Vec<String> = reached(relation, rule)
                .iter()
                .filter_map(|oid| model.catalog.relations.get(oid))
                .filter(|table| table.is_table() && model.tenancy.is_tenants(table.oid))
                .filter(|table| {
                    !model.is_bound(relation.owner, table)
                        || policies::sees_everything(model, relation.owner, table)
                })
                .map(Relation::display)
                .collect();
            if roles.is_empty() || tables.is_empty() {
                continue;
            }
            let name = relation.display();
            let message = format!(
                "rule {} of {name} reaches {} with the privileges of {}, which row-level security \
                 does not restrict there, when {} writes to {name}",
                rule.name,
                listed(&tables),
                model.catalog.role_name(relation.owner),
                role_names(&roles)
            );
            let fix = Fix::proposal(
                Phase::Views,
                format!(
                    "drop rule {} and move its actions to a trigger, which runs with the \
                     privileges of the writing role",
                    rule.name
                ),
                [format!(
                    "DROP RULE {} ON {}",
                    identifier(&rule.name),
                    relation.quoted()
                )],
            );
            let finding = Finding::new(check, &name, message, fix)
                .part(&rule.name)
                .fact(&rule.definition);
            let claim = Claim {
                operations: Claim::WRITE,
                ..Claim::reads(relation.oid)
            };
            findings.suspect(finding, vec![claim]);
        }
    }
}

/// Returns the application roles with the privilege for the event of the rule.
fn who_fires<'m>(model: &'m Model, relation: &Relation, rule: &CatalogRule) -> Vec<&'m AppRole> {
    let roles = model.app_roles.roles.iter();
    roles
        .filter(|role| {
            let may = model.privileges(role.oid, relation);
            match rule.event.as_str() {
                "2" => may.update,
                "3" => may.insert,
                "4" => may.delete,
                _ => false,
            }
        })
        .collect()
}

/// Returns the relations that the rule's statements name. Each statement begins with the caller's
/// old and new row, called `old` and `new`, which are skipped.
fn reached(relation: &Relation, rule: &CatalogRule) -> BTreeSet<Oid> {
    let mut reached: BTreeSet<Oid> = rule.reads.iter().copied().collect();
    let statements = queries(&rule.tree).unwrap_or_default();
    let names_itself = statements
        .iter()
        .flat_map(|query| &query.tables)
        .any(|entry| {
            matches!(entry, RangeEntry::Relation { oid, alias, .. }
            if *oid == relation.oid.0 && alias != "old" && alias != "new")
        });
    if names_itself {
        reached.insert(relation.oid);
    }
    reached
}
