//! Checks of the tenant key column: NOT NULL, the type of the root's key, and a foreign key to an
//! existing tenant.

use super::{
    check,
    reads::parent_of,
    wording::{relation_name, unused_name},
};
use crate::{
    audit::{
        catalog::{Column, Constraint, ConstraintKind, Oid, Relation, RelationKind},
        findings::{Findings, Rule},
        model::{Belonging, Model},
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const NULLABLE: Rule = Rule {
    check: check(
        "tenant-key-nullable",
        (Severity::Medium, Confidence::High),
        "a row can have no tenant",
        include_str!("../../../../docs/audit/tenant-key-nullable.md"),
    ),
    run: nullable,
};

pub(super) const UNLIKE_ROOT: Rule = Rule {
    check: check(
        "tenant-key-type",
        (Severity::Low, Confidence::High),
        "the tenant key has a different type than the key of the table of tenants",
        include_str!("../../../../docs/audit/tenant-key-type.md"),
    ),
    run: unlike_root,
};

pub(super) const NO_REFERENCE: Rule = Rule {
    check: check(
        "tenant-key-no-reference",
        (Severity::Low, Confidence::High),
        "the tenant key can name a tenant that does not exist",
        include_str!("../../../../docs/audit/tenant-key-no-reference.md"),
    ),
    run: no_reference,
};

fn nullable(model: &Model, check: &Check, findings: &mut Findings) {
    for (relation, column) in keyed(model) {
        if column.not_null || is_checked(model, column) {
            continue;
        }
        let name = relation.display();
        let message = format!(
            "{} of {name} can be NULL: such a row belongs to no tenant and, depending on the \
             policy, is hidden from every tenant or visible to all",
            column.name
        );
        let fix = Fix::proposal(
            Phase::Columns,
            format!(
                "make {} NOT NULL once every row has a tenant; move rows shared by all tenants to \
                 a separate table",
                column.name
            ),
            [format!(
                "ALTER TABLE {} ALTER COLUMN {} SET NOT NULL",
                relation.quoted(),
                identifier(&column.name)
            )],
        );
        findings.push(Finding::new(check, &name, message, fix).column(&column.name));
    }
}

fn unlike_root(model: &Model, check: &Check, findings: &mut Findings) {
    let Some(root) = root_column(model) else {
        return;
    };
    for (relation, column) in keyed(model).filter(|(_, column)| !is_alike(column, root)) {
        let name = relation.display();
        let tenants = relation_name(&model.catalog, root.relation);
        let message = format!(
            "{} of {name} is {}, but {} of {tenants} is {}: comparisons need a cast, and two \
             spellings of one tenant may not be equal",
            column.name, column.type_name, root.name, root.type_name
        );
        let (key, wanted) = (identifier(&column.name), &root.type_name);
        let fix = Fix::proposal(
            Phase::Columns,
            format!(
                "change {} to {wanted}; drop the policies and views that use it first and \
                 recreate them afterwards",
                column.name
            ),
            [format!(
                "ALTER TABLE {} ALTER COLUMN {key} TYPE {wanted} USING {key}::{wanted}",
                relation.quoted()
            )],
        );
        findings.push(Finding::new(check, &name, message, fix).column(&column.name));
    }
}

fn no_reference(model: &Model, check: &Check, findings: &mut Findings) {
    let Some(root) = root_column(model) else {
        return;
    };
    for (relation, column) in keyed(model) {
        let refers = |constraint: &Constraint| leads_to_tenant(model, constraint, column.number);
        if model.catalog.foreign_keys(relation.oid).any(refers) {
            continue;
        }
        let name = relation.display();
        let tenants = relation_name(&model.catalog, root.relation);
        let message = format!(
            "{} of {name} has no foreign key to {tenants}: a row can name a tenant that does not \
             exist, and remains when its tenant is deleted",
            column.name
        );
        let summary = format!("add a foreign key from {} to {tenants}", column.name);
        let fix = if is_alike(column, root) {
            Fix::proposal(
                Phase::References,
                summary,
                reference(model, relation, column, root),
            )
        } else {
            Fix::advice(Phase::References, format!("{summary} once the types match"))
        };
        findings.push(Finding::new(check, &name, message, fix).column(&column.name));
    }
}

/// Returns the statements that add the foreign key to the table of tenants. A separate validation
/// does not lock out writers while it scans the rows; partitioned tables do not support NOT VALID
/// before PostgreSQL 18.
fn reference(model: &Model, relation: &Relation, column: &Column, root: &Column) -> Vec<String> {
    let table = relation.quoted();
    let name = identifier(&unused_name(
        &model.catalog,
        relation.oid,
        &column.name,
        "fkey",
    ));
    let target = model
        .catalog
        .relations
        .get(&root.relation)
        .map_or_else(String::new, Relation::quoted);
    let add = format!(
        "ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({}) REFERENCES {target} ({})",
        identifier(&column.name),
        identifier(&root.name)
    );
    if relation.kind == RelationKind::Partitioned {
        vec![add]
    } else {
        vec![
            format!("{add} NOT VALID"),
            format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
        ]
    }
}

/// Returns the tables with a tenant key column. Partitions are skipped because they have their
/// parent's.
fn keyed(model: &Model) -> impl Iterator<Item = (&Relation, &Column)> {
    model.tenant_tables().filter_map(|relation| {
        let Belonging::Keyed(key) = *model.tenancy.of(relation.oid) else {
            return None;
        };
        let column = model.catalog.column(relation.oid, key)?;
        parent_of(model, relation)
            .is_none()
            .then_some((relation, column))
    })
}

fn root_column(model: &Model) -> Option<&Column> {
    let (root, key) = model.tenancy.root?;
    model.catalog.column(root, key)
}

/// `true` if two keys have the same type; `text` and `varchar` compare without a cast that matters
/// (pg_type.dat: 25, 1043).
fn is_alike(one: &Column, other: &Column) -> bool {
    const STRINGS: [Oid; 2] = [Oid(25), Oid(1043)];
    one.base_type == other.base_type
        || (STRINGS.contains(&one.base_type) && STRINGS.contains(&other.base_type))
}

/// `true` if a validated CHECK constraint requires exactly that the column is not NULL.
fn is_checked(model: &Model, column: &Column) -> bool {
    let constraints = model.catalog.constraints_of(column.relation).iter();
    let mut checks = constraints.filter(|one| one.kind == ConstraintKind::Check && one.validated);
    checks.any(|check| {
        let says = |name: &str| check.definition == format!("CHECK (({name} IS NOT NULL))");
        says(&column.name) || says(&identifier(&column.name))
    })
}

/// `true` if a foreign key links the tenant key to the table of tenants, or to the tenant key of
/// another table, which is checked separately.
fn leads_to_tenant(model: &Model, constraint: &Constraint, key: i16) -> bool {
    let tenant = model.tenancy.key(constraint.target);
    constraint.target != constraint.relation
        && constraint
            .pairs()
            .any(|(here, there)| here == key && tenant == Some(there))
}
