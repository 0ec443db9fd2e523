//! Tenant keys that do not name an existing tenant.

use std::collections::BTreeSet;

use super::{
    check,
    draft::{Draft, ROW, TARGET},
    question::{Plan, Question, Shown},
};
use crate::{
    audit::{
        catalog::{Constraint, Oid, Relation},
        model::{Belonging, Model},
        report::{Check, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const ORPHAN: Check = check(
    "data-orphan-tenant",
    Severity::Medium,
    "rows belong to a tenant that does not exist",
    include_str!("../../../../docs/audit/data-orphan-tenant.md"),
);

pub(super) const NULL: Check = check(
    "data-null-key",
    Severity::Medium,
    "rows have no tenant: their key is NULL",
    include_str!("../../../../docs/audit/data-null-key.md"),
);

/// Plans the questions for rows with a key that is not in the table of tenants.
pub(super) fn plan_orphans(model: &Model, plan: &mut Plan) {
    let Some(root) = model.tenancy.root else {
        if keyed(model).next().is_some() {
            plan.skip(
                &ORPHAN,
                None,
                "no table of tenants to compare the keys with",
            );
        }
        return;
    };
    let mut kept = Kept::new(model);
    for (table, key) in keyed(model) {
        if !kept.is_kept(table.oid, key) {
            plan.questions.extend(orphans(model, table, key, root));
        }
    }
}

/// Plans the questions for rows with a NULL key, for nullable keys.
pub(super) fn plan_nulls(model: &Model, plan: &mut Plan) {
    for (table, key) in keyed(model) {
        let nullable = model
            .catalog
            .column(table.oid, key)
            .is_some_and(|one| !one.not_null);
        if nullable {
            plan.questions.extend(nulls(model, table, key));
        }
    }
}

/// Returns the tables with a tenant key column. Partitions are skipped because their rows are also
/// their parent's.
fn keyed(model: &Model) -> impl Iterator<Item = (&Relation, i16)> {
    let tables = model.tenant_tables().filter(|table| !table.partition);
    tables.filter_map(|table| match model.tenancy.of(table.oid) {
        Belonging::Keyed(key) => Some((table, *key)),
        _ => None,
    })
}

/// Keys that constraints guarantee to name a tenant: by a validated foreign key to the table of
/// tenants, or one that includes the key and refers to a table with that guarantee.
struct Kept<'m> {
    model: &'m Model,
    known: std::collections::BTreeMap<(Oid, i16), bool>,
}

impl<'m> Kept<'m> {
    fn new(model: &'m Model) -> Self {
        Self {
            model,
            known: std::collections::BTreeMap::new(),
        }
    }

    fn is_kept(&mut self, table: Oid, key: i16) -> bool {
        if self.model.tenancy.root == Some((table, key)) {
            return true;
        }
        if let Some(known) = self.known.get(&(table, key)) {
            return *known;
        }
        // Preliminary answer: a cycle of foreign keys alone proves nothing.
        self.known.insert((table, key), false);
        let model = self.model;
        let is_kept = model.catalog.foreign_keys(table).any(|constraint| {
            let mut pairs = constraint.pairs();
            let there = pairs.find(|(here, _)| *here == key).map(|(_, there)| there);
            constraint.validated
                && always_checked(model, constraint, key)
                && there.is_some_and(|there| self.is_kept(constraint.target, there))
        });
        self.known.insert((table, key), is_kept);
        is_kept
    }
}

/// `true` if a foreign key is checked for every row with a tenant key. It is not checked for a row
/// that has NULL in any of its columns (manual, 5.4.5, `MATCH SIMPLE`); rows without a tenant key
/// have a separate check.
fn always_checked(model: &Model, constraint: &Constraint, key: i16) -> bool {
    let columns: BTreeSet<i16> = constraint.columns.iter().copied().collect();
    columns
        .iter()
        .filter(|column| **column != key)
        .all(|column| {
            model
                .catalog
                .column(constraint.relation, *column)
                .is_some_and(|one| one.not_null)
        })
}

fn orphans(
    model: &Model,
    table: &Relation,
    key: i16,
    (root, root_key): (Oid, i16),
) -> Option<Question> {
    let mut draft = Draft::new(model, table.oid)?;
    let tenant = draft.tenant(table.oid, ROW)?;
    draft.filter(format!("{} IS NOT NULL", tenant.sql()));
    draft.no_row((table.oid, ROW), (root, TARGET), [(key, root_key)], |_| {
        Some(String::new())
    })?;
    let mut shown = Shown::new(model);
    shown.key(&mut draft, table, ROW, "")?;
    shown.column("tenant", &tenant);

    let (name, root) = (
        model.column_name(table.oid, key),
        model.catalog.relations.get(&root)?,
    );
    let what = format!("{name} names no row of {}", root.display());
    let summary = format!(
        "delete these rows or assign them a tenant of {}, then enforce it with a foreign key",
        root.display()
    );
    let sql = keep_reference(model, table, key, (root, root_key));
    let fix = Fix::proposal(Phase::References, summary, [sql]);
    let finding = Finding::new(&ORPHAN, table.display(), what, fix).column(name);
    let finding = if is_text(model, table.oid, key) {
        // Unlike a number or a UUID, a name may be reused: its next holder gets the rows.
        finding.severity(Severity::High)
    } else {
        finding
    };
    Some(Question::new(finding, table.oid, draft, shown))
}

fn is_text(model: &Model, table: Oid, column: i16) -> bool {
    let column = model.catalog.column(table, column);
    column.is_some_and(|column| matches!(column.base_type.0, 25 | 1042 | 1043))
}

/// Returns the statement that guarantees that a column names rows of that table: it validates the
/// existing foreign key or adds one.
pub(super) fn keep_reference(
    model: &Model,
    table: &Relation,
    column: i16,
    (target, target_column): (&Relation, i16),
) -> String {
    let mut foreign_keys = model.catalog.foreign_keys(table.oid);
    let waiting = foreign_keys.find(|constraint| {
        !constraint.validated && constraint.target == target.oid && constraint.columns == [column]
    });
    let name = |relation: Oid, number| identifier(model.column_name(relation, number));
    match waiting {
        Some(constraint) => validate(table, &constraint.name),
        None => format!(
            "ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} ({})",
            table.quoted(),
            name(table.oid, column),
            target.quoted(),
            name(target.oid, target_column)
        ),
    }
}

/// Returns the statement that checks the rows that existed before a constraint.
pub(super) fn validate(table: &Relation, constraint: &str) -> String {
    format!(
        "ALTER TABLE {} VALIDATE CONSTRAINT {}",
        table.quoted(),
        identifier(constraint)
    )
}

fn nulls(model: &Model, table: &Relation, key: i16) -> Option<Question> {
    let mut draft = Draft::new(model, table.oid)?;
    let tenant = draft.tenant(table.oid, ROW)?;
    draft.filter(format!("{} IS NULL", tenant.sql()));
    let mut shown = Shown::new(model);
    shown.key(&mut draft, table, ROW, "")?;

    let name = model.column_name(table.oid, key);
    let sql = format!(
        "ALTER TABLE {} ALTER COLUMN {} SET NOT NULL",
        table.quoted(),
        identifier(name)
    );
    let fix = Fix::proposal(
        Phase::Columns,
        "assign these rows a tenant, or move rows shared by all tenants to a separate table; then \
         make the column NOT NULL",
        [sql],
    );
    let what = format!("{name} is NULL: they belong to no tenant");
    let finding = Finding::new(&NULL, table.display(), what, fix).column(name);
    Some(Question::new(finding, table.oid, draft, shown))
}
