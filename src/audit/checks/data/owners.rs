//! Rows without a known owner: the parent or the user is missing.

use super::{
    check,
    draft::{Draft, ROW, TARGET},
    keys::{keep_reference, validate},
    question::{Plan, Question, Shown},
    soft::Soft,
};
use crate::{
    audit::{
        catalog::{Constraint, Relation},
        model::{Belonging, Link, MembershipTable, Model},
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const WITHOUT_PARENT: Check = check(
    "data-child-without-parent",
    Severity::Medium,
    "rows belong to a tenant through a parent that is missing",
    include_str!("../../../../docs/audit/data-child-without-parent.md"),
);

pub(super) const WITHOUT_USER: Check = check(
    "data-member-without-user",
    Severity::Medium,
    "memberships name a user that does not exist",
    include_str!("../../../../docs/audit/data-member-without-user.md"),
);

/// Plans the questions for rows that reach no tenant through any of their foreign keys.
pub(super) fn plan_parents(model: &Model, plan: &mut Plan) {
    for child in model.tenant_tables().filter(|table| !table.partition) {
        if let Belonging::Child(link) = model.tenancy.of(child.oid) {
            plan.questions.extend(without_parent(model, child, link));
        }
    }
}

/// Plans the questions for memberships of users that do not exist.
pub(super) fn plan_users(model: &Model, plan: &mut Plan) {
    let soft = Soft::new(model);
    for membership in &model.tenancy.memberships {
        plan.questions
            .extend(without_user(model, membership, &soft));
    }
}

fn without_parent(model: &Model, child: &Relation, link: &Link) -> Option<Question> {
    let catalog = &model.catalog;
    // A row may belong to one of several parents: it has an owner if any of them exists.
    let leading: Vec<&Constraint> = catalog
        .foreign_keys(child.oid)
        .filter(|one| one.target != child.oid && model.tenancy.is_tenants(one.target))
        .collect();
    if leading
        .iter()
        .any(|one| one.validated && nullable(model, one).is_empty())
    {
        return None;
    }
    let mut draft = Draft::new(model, child.oid)?;
    for constraint in &leading {
        if constraint.validated {
            let mut missing = Vec::new();
            for column in nullable(model, constraint) {
                let operand = draft.column(child.oid, ROW, column)?;
                missing.push(format!("{} IS NULL", operand.sql()));
            }
            draft.filter(format!("({})", missing.join(" OR ")));
        } else {
            let parent = (constraint.target, TARGET);
            draft.no_row((child.oid, ROW), parent, constraint.pairs(), |_| {
                Some(String::new())
            })?;
        }
    }
    let mut shown = Shown::new(model);
    shown.key(&mut draft, child, ROW, "")?;
    for column in &link.columns {
        let operand = draft.column(child.oid, ROW, *column)?;
        shown.column(model.column_name(child.oid, *column), &operand);
    }
    let finding = parent_finding(model, child, link, &leading);
    Some(Question::new(finding, child.oid, draft, shown))
}

fn nullable(model: &Model, constraint: &Constraint) -> Vec<i16> {
    let may_be_null = |number: &&i16| {
        let column = model.catalog.column(constraint.relation, **number);
        column.is_none_or(|column| !column.not_null)
    };
    constraint
        .columns
        .iter()
        .filter(may_be_null)
        .copied()
        .collect()
}

fn parent_finding(
    model: &Model,
    child: &Relation,
    link: &Link,
    leading: &[&Constraint],
) -> Finding {
    let parents: Vec<String> = leading
        .iter()
        .filter_map(|one| model.catalog.relations.get(&one.target))
        .map(Relation::display)
        .collect();
    let what = format!(
        "no foreign key refers to a row of {}: their tenant is unknown",
        parents.join(" or ")
    );
    let confidence = if leading.iter().all(|one| one.validated) {
        // NULL may be intended: only the foreign key makes it a tenant table.
        Confidence::Medium
    } else {
        Confidence::Proven
    };
    let columns: Vec<&str> = link
        .columns
        .iter()
        .map(|one| model.column_name(child.oid, *one))
        .collect();
    Finding::new(
        &WITHOUT_PARENT,
        child.display(),
        what,
        parent_fix(model, child, leading),
    )
    .column(columns.join(", "))
    .confidence(confidence)
}

fn parent_fix(model: &Model, child: &Relation, leading: &[&Constraint]) -> Fix {
    let summary = "assign these rows a parent or delete them";
    let [constraint] = leading else {
        let summary = format!("{summary}; then require one of the parents with a CHECK constraint");
        return Fix::advice(Phase::References, summary);
    };
    let mut sql: Vec<String> = nullable(model, constraint)
        .into_iter()
        .map(|column| {
            let name = identifier(model.column_name(child.oid, column));
            format!(
                "ALTER TABLE {} ALTER COLUMN {name} SET NOT NULL",
                child.quoted()
            )
        })
        .collect();
    if !constraint.validated {
        sql.push(validate(child, &constraint.name));
    }
    Fix::proposal(
        Phase::References,
        format!("{summary}; then make the parent mandatory"),
        sql,
    )
}

fn without_user(model: &Model, membership: &MembershipTable, soft: &Soft<'_>) -> Option<Question> {
    let table = model.catalog.relations.get(&membership.relation)?;
    let (users, key) = unkept_users(model, table, membership, soft)?;
    let mut draft = Draft::new(model, table.oid)?;
    let user = draft.column(table.oid, ROW, membership.user)?;
    draft.filter(format!("{} IS NOT NULL", user.sql()));
    let pair = (membership.user, key);
    draft.no_row((table.oid, ROW), (users.oid, TARGET), [pair], |_| {
        Some(String::new())
    })?;
    let tenant = draft.tenant(table.oid, ROW)?;
    let name = model.column_name(table.oid, membership.user);
    let mut shown = Shown::new(model);
    shown.key(&mut draft, table, ROW, "")?;
    shown.column("tenant", &tenant);
    shown.column(name, &user);

    let users_name = users.display();
    let what = format!(
        "{name} names no row of {users_name}: the next user with that key becomes a member"
    );
    let fix = Fix::proposal(
        Phase::References,
        "delete these memberships, then enforce it with a foreign key",
        [keep_reference(model, table, membership.user, (users, key))],
    );
    let finding = Finding::new(&WITHOUT_USER, table.display(), what, fix).column(name);
    Some(Question::new(finding, table.oid, draft, shown))
}

/// Returns the table of users and its key, if no validated foreign key guarantees that the user
/// exists.
fn unkept_users<'m>(
    model: &'m Model,
    table: &Relation,
    membership: &MembershipTable,
    soft: &Soft<'m>,
) -> Option<(&'m Relation, i16)> {
    let of_user = |constraint: &&Constraint| constraint.columns.contains(&membership.user);
    let mut validated = model
        .catalog
        .foreign_keys(table.oid)
        .filter(|one| one.validated);
    if validated.any(|one| of_user(&one)) {
        return None;
    }
    let waiting = model
        .catalog
        .foreign_keys(table.oid)
        .find(|one| one.columns.as_slice() == [membership.user]);
    match waiting {
        Some(one) => Some((
            model.catalog.relations.get(&one.target)?,
            *one.target_columns.first()?,
        )),
        None => soft.target(table, membership.user),
    }
}
