//! The column with the tenant key: that it is there in every row, of the root's type, and refers
//! to a tenant that exists.

use super::{
    check,
    reads::parent_of,
    wording::{fresh_name, relation_name},
};
use crate::{
    audit::{
        catalog::{Column, Constraint, ConstraintKind, Oid, Relation, RelationKind},
        findings::{Findings, Rule},
        model::{Belonging, Model},
    },
    domain::audit::{Check, Confidence, Finding, Fix, Phase, Severity},
    quoting::identifier,
};

pub(super) const NULLABLE: Rule = Rule {
    check: check(
        "tenant-key-nullable",
        (Severity::Medium, Confidence::High),
        "a row can be without a tenant",
        include_str!("../../../../docs/audit/tenant-key-nullable.md"),
    ),
    run: nullable,
};

pub(super) const UNLIKE_ROOT: Rule = Rule {
    check: check(
        "tenant-key-type",
        (Severity::Low, Confidence::High),
        "the tenant key is of another type than the key of the table of tenants",
        include_str!("../../../../docs/audit/tenant-key-type.md"),
    ),
    run: unlike_root,
};

pub(super) const NO_REFERENCE: Rule = Rule {
    check: check(
        "tenant-key-no-reference",
        (Severity::Low, Confidence::High),
        "the tenant key does not have to name a tenant that exists",
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
            "{} of {name} can be NULL: such a row is no tenant's, hidden from all of them by one \
             policy and shown to all by another",
            column.name
        );
        let fix = Fix::proposal(
            Phase::Columns,
            format!(
                "make {} NOT NULL, once no row is without a tenant; rows for everyone belong in a \
                 table of their own",
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
            "{} of {name} is {}, but {} of {tenants} is {}: they are compared through a cast, and \
             two spellings of one tenant may not be equal",
            column.name, column.type_name, root.name, root.type_name
        );
        let (key, wanted) = (identifier(&column.name), &root.type_name);
        let fix = Fix::proposal(
            Phase::Columns,
            format!(
                "make {} {wanted}; policies and views that use it have to be dropped before, and \
                 made again after",
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
             exist, and outlives the one it names",
            column.name
        );
        let summary = format!("let {} refer to {tenants}", column.name);
        let fix = if is_alike(column, root) {
            Fix::proposal(
                Phase::References,
                summary,
                reference(model, relation, column, root),
            )
        } else {
            Fix::advice(
                Phase::References,
                format!("{summary}, once the types are the same"),
            )
        };
        findings.push(Finding::new(check, &name, message, fix).column(&column.name));
    }
}

/// The foreign key to the table of tenants. Validated by a statement of its own, it does not lock
/// writers out while the rows are looked at; a partitioned table cannot have it in two steps
/// before PostgreSQL 18.
fn reference(model: &Model, relation: &Relation, column: &Column, root: &Column) -> Vec<String> {
    let table = relation.quoted();
    let name = identifier(&fresh_name(
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

/// The tables with a tenant key of their own; a partition has its parent's.
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

/// Whether two keys are of one type; `text` and `varchar` compare without a cast that matters
/// (pg_type.dat: 25, 1043).
fn is_alike(one: &Column, other: &Column) -> bool {
    const STRINGS: [Oid; 2] = [Oid(25), Oid(1043)];
    one.base_type == other.base_type
        || (STRINGS.contains(&one.base_type) && STRINGS.contains(&other.base_type))
}

/// Whether a CHECK constraint says just that the column is not NULL.
fn is_checked(model: &Model, column: &Column) -> bool {
    let constraints = model.catalog.constraints_of(column.relation).iter();
    let mut checks = constraints.filter(|one| one.kind == ConstraintKind::Check && one.validated);
    checks.any(|check| {
        let says = |name: &str| check.definition == format!("CHECK (({name} IS NOT NULL))");
        says(&column.name) || says(&identifier(&column.name))
    })
}

/// Whether a foreign key takes the tenant key to the table of tenants, or to the tenant key of
/// another table, whose own reference is looked at by itself.
fn leads_to_tenant(model: &Model, constraint: &Constraint, key: i16) -> bool {
    let tenant = model.tenancy.key(constraint.target);
    constraint.target != constraint.relation
        && constraint
            .pairs()
            .any(|(here, there)| here == key && tenant == Some(there))
}
