//! Tenant keys that the application can change to any other tenant's.

use std::collections::BTreeSet;

use super::{
    check, policies,
    protection::grantee_name,
    wording::{columns_for_statements, role_names},
};
use crate::audit::{
    catalog::{Oid, Relation},
    findings::{Claim, Findings, Rule},
    model::{AppRole, Belonging, Model},
    report::{Check, Confidence, Finding, Fix, Operation, Phase, Severity},
};

pub(super) const MUTABLE: Rule = Rule {
    check: check(
        "tenant-key-mutable",
        (Severity::Medium, Confidence::High),
        "the application can move a row to another tenant",
        include_str!("../../../../docs/audit/tenant-key-mutable.md"),
    ),
    run: mutable,
};

fn mutable(model: &Model, check: &Check, findings: &mut Findings) {
    for relation in model.tenant_tables() {
        let Belonging::Keyed(key) = *model.tenancy.of(relation.oid) else {
            continue;
        };
        let roles = model.app_roles.roles.iter();
        let movers: Vec<&AppRole> = roles
            .filter(|role| may_move(model, role.oid, relation, key))
            .collect();
        if movers.is_empty() {
            continue;
        }
        let name = relation.display();
        let column = model.column_name(relation.oid, key);
        let message = format!(
            "{} can change {column} of {name}, and no policy checks the new value: a row can be \
             moved to another tenant",
            role_names(&movers)
        );
        let claims = movers.iter().map(|role| Claim {
            object: relation.oid,
            role: Some(role.oid),
            operations: &[Operation::Move],
            contexts: Claim::NAMED,
            decisive: true,
        });
        let claims = claims.collect();
        let fix = Fix::proposal(
            Phase::Grants,
            format!("allow the application to update every column of {name} except {column}"),
            without_key(model, relation, key, &movers),
        );
        // A trigger may refuse the change; its body is not analyzed here.
        let guarded = model
            .catalog
            .triggers_of(relation.oid)
            .iter()
            .any(|trigger| {
                const BEFORE_UPDATE: i16 = 2 | 16;
                trigger.enabled && trigger.bits & BEFORE_UPDATE == BEFORE_UPDATE
            });
        let mut finding = Finding::new(check, &name, message, fix).column(column);
        if guarded {
            finding = finding.confidence(Confidence::Low);
        }
        findings.suspect(finding, claims);
    }
}

/// `true` if a role has the privilege, does not act as the owner (which cannot lose it), and no
/// policy restricts it.
fn may_move(model: &Model, role: Oid, relation: &Relation, key: i16) -> bool {
    let rights = &model.catalog.rights;
    rights.uses_schema(role, &relation.schema)
        && rights.on_column(role, relation.oid, key, "UPDATE")
        && !rights.acts_as(role, relation.owner)
        && !(model.is_bound(role, relation) && policies::holds_key(model, role, relation, key))
}

/// Revokes UPDATE on the whole table and grants it on the other columns. Revoking a privilege on a
/// table also revokes it on the columns (manual, REVOKE).
fn without_key(model: &Model, relation: &Relation, key: i16, movers: &[&AppRole]) -> Vec<String> {
    let rights = &model.catalog.rights;
    let inherited: BTreeSet<Oid> = movers
        .iter()
        .flat_map(|role| rights.inherited(role.oid))
        .collect();
    let mut sql = Vec::new();
    for grantee in rights.direct_grantees(relation.oid) {
        let concerned = grantee == Oid::PUBLIC || inherited.contains(&grantee);
        if !concerned || !rights.on_column(grantee, relation.oid, key, "UPDATE") {
            continue;
        }
        let (table, to) = (relation.quoted(), grantee_name(model, grantee));
        let others: Vec<i16> = model
            .catalog
            .columns_of(relation.oid)
            .iter()
            .map(|column| column.number)
            .filter(|column| *column != key)
            .filter(|column| rights.on_column(grantee, relation.oid, *column, "UPDATE"))
            .collect();
        sql.push(format!("REVOKE UPDATE ON {table} FROM {to}"));
        if !others.is_empty() {
            let columns = columns_for_statements(&model.catalog, relation.oid, &others);
            sql.push(format!("GRANT UPDATE ({columns}) ON {table} TO {to}"));
        }
    }
    sql
}
