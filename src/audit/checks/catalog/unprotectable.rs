//! Relations that hold tenant rows and cannot have policies: materialized views and foreign tables
//! (PostgreSQL manual, CREATE MATERIALIZED VIEW; ALTER TABLE refuses row-level security on both).

use super::{
    check,
    protection::{Convention, filtered_view, rights_fact},
    reads::Sources,
    wording::{listed, relation_name, role_names},
};
use crate::audit::{
    catalog::{Relation, RelationKind},
    findings::{Claim, Findings, Rule},
    model::Model,
    report::{Check, Confidence, Finding, Severity},
};

pub(super) const MATERIALIZED: Rule = Rule {
    check: check(
        "materialized-view-exposed",
        (Severity::High, Confidence::High),
        "the application reads a materialized view of tenants' rows, which cannot have policies",
        include_str!("../../../../docs/audit/materialized-view-exposed.md"),
    ),
    run: materialized,
};

pub(super) const FOREIGN: Rule = Rule {
    check: check(
        "foreign-table-exposed",
        (Severity::High, Confidence::Medium),
        "the application reads a foreign table of tenants' rows, which cannot have policies",
        include_str!("../../../../docs/audit/foreign-table-exposed.md"),
    ),
    run: foreign,
};

fn materialized(model: &Model, check: &Check, findings: &mut Findings) {
    let mut sources = Sources::new(model);
    let convention = Convention::of(model);
    for view in of_kind(model, RelationKind::MaterializedView) {
        let tables = sources.of(view.oid);
        if tables.is_empty() {
            continue;
        }
        let tables: Vec<String> = tables
            .iter()
            .map(|table| relation_name(&model.catalog, *table))
            .collect();
        let message = format!(
            "materialized view {} holds rows of {} and cannot have row-level security: {} can \
             read every tenant's rows",
            view.display(),
            listed(&tables),
            role_names(&model.roles_on(view))
        );
        // Without a tenant key it may hold totals that belong to no single tenant.
        let keyed = model.tenancy.is_tenants(view.oid);
        let finding = Finding::new(
            check,
            view.display(),
            message,
            filtered_view(model, convention.as_ref(), view),
        );
        let finding = if keyed {
            finding
        } else {
            finding
                .severity(Severity::Medium)
                .confidence(Confidence::Low)
        };
        findings.suspect(
            finding.fact(rights_fact(model, view)),
            vec![Claim::reads(view.oid)],
        );
    }
}

fn foreign(model: &Model, check: &Check, findings: &mut Findings) {
    let convention = Convention::of(model);
    for table in of_kind(model, RelationKind::Foreign) {
        let Some(key) = model.tenancy.key(table.oid) else {
            continue;
        };
        let name = table.display();
        let column = model.column_name(table.oid, key);
        let message = format!(
            "foreign table {name} has the tenant key {column} and cannot have row-level security: \
             {} can reach every tenant's rows on the remote server",
            role_names(&model.roles_on(table))
        );
        let fix = filtered_view(model, convention.as_ref(), table);
        let finding = Finding::new(check, &name, message, fix).fact(rights_fact(model, table));
        findings.suspect(finding, vec![Claim::reads(table.oid)]);
    }
}

/// Returns the relations of a kind on which the application has privileges.
fn of_kind(model: &Model, kind: RelationKind) -> impl Iterator<Item = &Relation> {
    model
        .relations()
        .filter(move |relation| relation.kind == kind && !model.roles_on(relation).is_empty())
}
