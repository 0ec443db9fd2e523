//! Foreign keys with a child and a parent of different tenants.

use super::{
    check,
    draft::{Draft, ROW, TARGET},
    keys::validate,
    question::{Plan, Question, Shown},
    soft::Soft,
};
use crate::{
    audit::{
        catalog::{Constraint, Oid, Relation},
        model::{Belonging, Model},
        report::{Check, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const CROSS_TENANT: Check = check(
    "data-cross-tenant-reference",
    Severity::High,
    "rows of one tenant refer to rows of another",
    include_str!("../../../../docs/audit/data-cross-tenant-reference.md"),
);

/// Plans a question for every foreign key between tenant tables that does not include the tenant
/// key.
pub(super) fn plan(model: &Model, plan: &mut Plan) {
    let soft = Soft::new(model);
    for child in model.tenant_tables() {
        // Partitions inherit them from their parent, which contains their rows.
        let foreign_keys = model
            .catalog
            .foreign_keys(child.oid)
            .filter(|one| !one.inherited);
        for constraint in foreign_keys.filter(|one| may_cross(model, one)) {
            let Some(parent) = model.catalog.relations.get(&constraint.target) else {
                continue;
            };
            let reference = Reference {
                child,
                parent,
                pairs: pairs_without_key(model, constraint),
                constraint: Some(constraint),
            };
            if let Identity::WithinTenant = reference.identity(model) {
                let reason = format!(
                    "constraint {} is not validated, and without the tenant key its columns \
                     identify a row only within a tenant",
                    constraint.name
                );
                plan.skip(&CROSS_TENANT, Some(child.display()), &reason);
            } else {
                plan.questions.extend(reference.question(model, &soft));
            }
        }
    }
}

/// `true` if a row could refer to another tenant's row through a foreign key. A reference to the
/// table of tenants does not qualify: it names a tenant, as a transfer does.
fn may_cross(model: &Model, constraint: &Constraint) -> bool {
    let tenancy = &model.tenancy;
    let leads_to_row = matches!(
        tenancy.of(constraint.target),
        Belonging::Keyed(_) | Belonging::Child(_)
    );
    let is_own_link = matches!(
        tenancy.of(constraint.relation),
        Belonging::Child(link) if link.constraint == constraint.name
    );
    // The user column of a membership defines the tenants that the user belongs to.
    let says_membership = tenancy
        .membership(constraint.relation)
        .is_some_and(|membership| constraint.columns.as_slice() == [membership.user]);
    leads_to_row && !is_own_link && !says_membership && !is_kept(model, constraint)
}

/// `true` if a validated foreign key with at least the same pairs includes the tenant key.
fn is_kept(model: &Model, constraint: &Constraint) -> bool {
    model
        .catalog
        .foreign_keys(constraint.relation)
        .any(|other| {
            other.validated
                && other.target == constraint.target
                && carried_key(model, other).is_some()
                && constraint
                    .pairs()
                    .all(|pair| other.pairs().any(|one| one == pair))
        })
}

/// Returns the pair of tenant keys of a foreign key.
fn carried_key(model: &Model, constraint: &Constraint) -> Option<(i16, i16)> {
    let here = model.tenancy.key(constraint.relation)?;
    let there = model.tenancy.key(constraint.target)?;
    constraint.pairs().find(|pair| *pair == (here, there))
}

fn pairs_without_key(model: &Model, constraint: &Constraint) -> Vec<(i16, i16)> {
    let key = carried_key(model, constraint);
    constraint
        .pairs()
        .filter(|pair| Some(*pair) != key)
        .collect()
}

/// Columns of a child that identify a row of a parent, without the tenant keys.
pub(super) struct Reference<'m> {
    pub(super) child: &'m Relation,
    pub(super) parent: &'m Relation,
    /// Pairs of a child column and a parent column.
    pub(super) pairs: Vec<(i16, i16)>,
    /// `None` if it is only inferred from the column's name.
    pub(super) constraint: Option<&'m Constraint>,
}

/// Uniqueness of the row that a reference identifies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Identity {
    /// A unique index on the columns.
    Unique,
    /// A UUID: only copies of a tenant's rows may repeat it.
    Universal,
    /// Numbers that are assigned per tenant.
    WithinTenant,
}

impl Reference<'_> {
    pub(super) fn identity(&self, model: &Model) -> Identity {
        const UUID: Oid = Oid(2950);
        let there: Vec<i16> = self.pairs.iter().map(|(_, there)| *there).collect();
        let is_unique = model
            .catalog
            .indexes_of(self.parent.oid)
            .iter()
            .any(|index| {
                index.unique
                    && index.valid
                    && !index.partial
                    && index.keys.iter().all(|key| there.contains(key))
            });
        let mut columns = there
            .iter()
            .filter_map(|one| model.catalog.column(self.parent.oid, *one));
        if is_unique {
            Identity::Unique
        } else if columns.any(|column| column.base_type == UUID) {
            Identity::Universal
        } else {
            Identity::WithinTenant
        }
    }

    /// Returns the question for rows of the child that refer to a row of the parent of another
    /// tenant.
    pub(super) fn question(&self, model: &Model, soft: &Soft<'_>) -> Option<Question> {
        let (child, parent) = (self.child.oid, self.parent.oid);
        let mut draft = Draft::new(model, child)?;
        draft.join((child, ROW), (parent, TARGET), self.pairs.iter().copied())?;
        let here = draft.tenant(child, ROW)?;
        let there = draft.tenant(parent, TARGET)?;
        draft.filter(here.compared("<>", &there));
        let unique = self.identity(model) == Identity::Unique;
        if !unique {
            // If the tenant has such a row too, that one is the intended row.
            draft.no_row(
                (child, ROW),
                (parent, "own"),
                self.pairs.iter().copied(),
                |draft| Some(draft.tenant(parent, "own")?.compared("=", &here)),
            )?;
        }
        if let [(_, user)] = self.pairs.as_slice() {
            for membership in soft.memberships_of((parent, *user)) {
                let (member, pair) = (membership.relation, (*user, membership.user));
                draft.no_row((parent, TARGET), (member, "m"), [pair], |draft| {
                    Some(
                        draft
                            .column(member, "m", membership.tenant)?
                            .compared("=", &here),
                    )
                })?;
            }
        }
        let mut shown = Shown::new(model);
        shown.key(&mut draft, self.child, ROW, "")?;
        shown.column("tenant", &here);
        shown.key(&mut draft, self.parent, TARGET, "referred ")?;
        shown.column("referred tenant", &there);
        let question = Question::new(self.finding(model), child, draft, shown);
        Some(if unique {
            question
        } else {
            question.counting_rows_once()
        })
    }

    fn finding(&self, model: &Model) -> Finding {
        let columns: Vec<&str> = self
            .pairs
            .iter()
            .map(|(here, _)| model.column_name(self.child.oid, *here))
            .collect();
        let verb = if columns.len() == 1 { "names" } else { "name" };
        let columns = columns.join(", ");
        let parent = self.parent.display();
        let what = format!("{columns} {verb} a row of {parent} that belongs to another tenant");
        let finding = Finding::new(&CROSS_TENANT, self.child.display(), what, self.fix(model));
        match self.constraint {
            Some(one) => finding
                .part(&one.name)
                .fact(format!("{}: {}", one.name, one.definition)),
            None => finding.part(parent.clone()).fact(format!(
                "no foreign key: {columns} is assumed to refer to {parent} by its name and type"
            )),
        }
        .column(columns)
    }

    /// Returns the fix. The rows require a manual decision; a foreign key that includes the tenant
    /// key prevents new ones.
    fn fix(&self, model: &Model) -> Fix {
        let summary = format!(
            "change these rows to refer to rows of {} of their own tenant",
            self.parent.display()
        );
        let waiting = self
            .constraint
            .filter(|one| carried_key(model, one).is_some());
        if let Some(constraint) = waiting {
            let summary = format!("{summary}, then validate {}", constraint.name);
            let sql = validate(self.child, &constraint.name);
            return Fix::proposal(Phase::References, summary, [sql]);
        }
        match self.carry_key(model) {
            Some(sql) => {
                let summary = format!("{summary}, then include the tenant key in the foreign key");
                Fix::proposal(Phase::References, summary, sql)
            }
            None => Fix::advice(
                Phase::References,
                format!(
                    "{summary}; add the tenant key to both tables so that a foreign key can \
                     include it"
                ),
            ),
        }
    }

    /// Returns the statements that add the parent's unique key, if missing, and the foreign key;
    /// `None` if a table has no tenant key or the types differ.
    fn carry_key(&self, model: &Model) -> Option<Vec<String>> {
        let catalog = &model.catalog;
        let key = (
            model.tenancy.key(self.child.oid)?,
            model.tenancy.key(self.parent.oid)?,
        );
        let type_of = |relation, number| Some(catalog.column(relation, number)?.base_type);
        let pairs: Vec<(i16, i16)> = std::iter::once(key)
            .chain(self.pairs.iter().copied())
            .collect();
        for (here, there) in &pairs {
            if type_of(self.child.oid, *here)? != type_of(self.parent.oid, *there)? {
                return None;
            }
        }
        let here: Vec<i16> = pairs.iter().map(|(here, _)| *here).collect();
        let there: Vec<i16> = pairs.iter().map(|(_, there)| *there).collect();
        let has_key = catalog.indexes_of(self.parent.oid).iter().any(|index| {
            index.unique
                && index.valid
                && !index.partial
                && index.keys.len() == there.len()
                && there.iter().all(|column| index.keys.contains(column))
        });
        let here = names(model, self.child.oid, &here);
        let there = names(model, self.parent.oid, &there);
        let (child, parent) = (self.child.quoted(), self.parent.quoted());
        let mut sql = Vec::new();
        if !has_key {
            sql.push(format!("ALTER TABLE {parent} ADD UNIQUE ({there})"));
        }
        sql.push(format!(
            "ALTER TABLE {child} ADD FOREIGN KEY ({here}) REFERENCES {parent} ({there})"
        ));
        Some(sql)
    }
}

fn names(model: &Model, relation: Oid, columns: &[i16]) -> String {
    let names = columns
        .iter()
        .map(|column| identifier(model.column_name(relation, *column)));
    names.collect::<Vec<_>>().join(", ")
}
