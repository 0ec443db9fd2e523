//! Tables without an index that begins with the tenant key: every statement under a policy scans
//! the rows of all tenants.

use super::{
    check,
    reads::parent_of,
    wording::{columns_for_people, columns_for_statements, unused_name},
};
use crate::{
    audit::{
        catalog::Relation,
        findings::{Findings, Rule},
        model::{Belonging, Model},
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const NO_INDEX: Rule = Rule {
    check: check(
        "tenant-key-no-index",
        (Severity::Low, Confidence::High),
        "no index begins with the tenant key",
        include_str!("../../../../docs/audit/tenant-key-no-index.md"),
    ),
    run: no_index,
};

fn no_index(model: &Model, check: &Check, findings: &mut Findings) {
    for relation in model
        .tenant_tables()
        .filter(|one| parent_of(model, one).is_none())
    {
        let (columns, leading) = match model.tenancy.of(relation.oid) {
            Belonging::Keyed(key) => (vec![*key], leading_columns(model, relation, *key)),
            Belonging::Child(link) => (link.columns.clone(), link.columns.clone()),
            _ => continue,
        };
        let read = model.app_roles.roles.iter().any(|role| {
            let may = model.privileges(role.oid, relation);
            may.select || may.update || may.delete
        });
        if !read || is_led_by(model, relation, &leading) {
            continue;
        }
        let name = relation.display();
        let names = columns_for_people(model, relation.oid, &columns);
        let message = format!(
            "no index on {name} begins with {names}: a statement for one tenant reads the rows of \
             all tenants"
        );
        let index = unused_name(
            &model.catalog,
            relation.oid,
            &names.replace(", ", "_"),
            "idx",
        );
        let fix = Fix::mechanical(
            Phase::Keys,
            format!("create an index on {names} of {name}"),
            [format!(
                "CREATE INDEX {} ON {} ({})",
                identifier(&index),
                relation.quoted(),
                columns_for_statements(&model.catalog, relation.oid, &columns)
            )],
        );
        let mut finding = Finding::new(check, &name, message, fix);
        if let [only] = columns.as_slice() {
            finding = finding.column(model.column_name(relation.oid, *only));
        }
        findings.push(finding);
    }
}

/// Returns the tenant key and, for membership tables, the user column, which is selective too.
fn leading_columns(model: &Model, relation: &Relation, key: i16) -> Vec<i16> {
    let user = model
        .tenancy
        .membership(relation.oid)
        .map(|membership| membership.user);
    std::iter::once(key).chain(user).collect()
}

/// `true` if an index over all rows begins with one of the columns. GIN and BRIN indexes do not
/// make finding a single tenant's rows faster.
fn is_led_by(model: &Model, relation: &Relation, columns: &[i16]) -> bool {
    model.catalog.indexes_of(relation.oid).iter().any(|index| {
        let usable =
            index.valid && !index.partial && !matches!(index.method.as_str(), "gin" | "brin");
        usable
            && index
                .keys
                .first()
                .is_some_and(|first| columns.contains(first))
    })
}
