//! Global tables of users that the application can read completely, including the users of all
//! tenants.

use std::collections::BTreeSet;

use super::{
    check,
    effective::{Effective, Side},
    grants::revoke,
    wording::listed,
};
use crate::{
    audit::{
        catalog::{Column, Oid, PolicyCommand, Relation, RelationKind},
        findings::{Findings, Rule},
        model::{AppRole, Belonging, Model},
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const EXPOSED: Rule = Rule {
    check: check(
        "global-table-exposed",
        (Severity::Medium, Confidence::Medium),
        "the application reads the users of all tenants, and no policy confines it to those of \
         its own tenant",
        include_str!("../../../../docs/audit/global-table-exposed.md"),
    ),
    run: exposed,
};

/// Parts of the names of columns that identify a person or give access to an account. Columns that
/// users publish on purpose, such as a user name or a picture, are not included.
const PERSONAL: &[&str] = &[
    "email",
    "e_mail",
    "phone",
    "mobile",
    "password",
    "passwd",
    "secret",
    "token",
    "address",
    "birth",
    "ssn",
    "tax_id",
    "first_name",
    "last_name",
    "full_name",
    "legal_name",
];

fn exposed(model: &Model, check: &Check, findings: &mut Findings) {
    let effective = Effective::of(model);
    for relation in model.relations() {
        let readers: Vec<&AppRole> = model
            .app_roles
            .roles
            .iter()
            .filter(|role| reads_all_users(&effective, role, relation))
            .collect();
        let columns: Vec<&Column> = model
            .catalog
            .columns_of(relation.oid)
            .iter()
            .filter(|column| is_personal(column))
            .filter(|column| readers.iter().any(|role| reads(model, role, column)))
            .collect();
        if !columns.is_empty() {
            findings.push(finding(model, check, relation, &readers, &columns));
        }
    }
}

fn is_personal(column: &Column) -> bool {
    const BOOL: Oid = Oid(16);
    const TIMES: [Oid; 2] = [Oid(1114), Oid(1184)];
    let name = column.name.to_lowercase();
    // Whether and when an address was confirmed is not sensitive.
    let tells = column.base_type != BOOL && !TIMES.contains(&column.base_type);
    tells && PERSONAL.iter().any(|part| name.contains(part))
}

fn reads(model: &Model, role: &AppRole, column: &Column) -> bool {
    let rights = &model.catalog.rights;
    rights.on_column(role.oid, column.relation, column.number, "SELECT")
}

/// `true` if a role can read all rows of a table of users, or of a view of one.
fn reads_all_users(effective: &Effective<'_>, role: &AppRole, relation: &Relation) -> bool {
    let model = effective.model;
    let above = model
        .catalog
        .roles
        .get(&role.oid)
        .is_some_and(|one| one.above_rls());
    // Other checks report these: those on roles and on tables that are not forced.
    if above || model.catalog.rights.acts_as(role.oid, relation.owner) {
        return false;
    }
    if !model.privileges(role.oid, relation).select {
        return false;
    }
    match relation.kind {
        RelationKind::View | RelationKind::MaterializedView => shows_users(model, role, relation),
        _ => holds_users(model, relation) && passes(effective, role, relation),
    }
}

/// `true` if a table contains users: its rows do not belong to a tenant, or to one of the users.
fn holds_users(model: &Model, relation: &Relation) -> bool {
    let is_global = |oid: Oid| *model.tenancy.of(oid) == Belonging::Global;
    let mut references = model.catalog.foreign_keys(relation.oid);
    relation.is_table()
        && is_global(relation.oid)
        && !references.any(|one| one.target != relation.oid && is_global(one.target))
}

/// `true` if no policy confines the rows of a table that the role can read.
fn passes(effective: &Effective<'_>, role: &AppRole, relation: &Relation) -> bool {
    if !effective.model.is_bound(role.oid, relation) {
        return true;
    }
    effective.applied_policies(relation).iter().any(|applied| {
        (applied.role.oid, applied.command, applied.side)
            == (role.oid, PolicyCommand::Select, Side::Reached)
            && effective
                .passing(applied)
                .is_some_and(|passing| !passing.open.is_empty())
    })
}

/// `true` if a view returns users that its reader cannot read directly. If it also reads a tenant
/// table, `view-not-invoker` reports it.
fn shows_users(model: &Model, role: &AppRole, view: &Relation) -> bool {
    let Some(rule) = model.catalog.view_rule(view.oid) else {
        return false;
    };
    let reads = || {
        rule.reads
            .iter()
            .filter_map(|oid| model.catalog.relations.get(oid))
    };
    let exposes_users = |read: &Relation| {
        let users = holds_users(model, read) || is_platforms(read);
        users && !model.is_bound(view.owner, read) && !model.privileges(role.oid, read).select
    };
    !view.has_option("security_invoker")
        && !reads().any(|read| model.tenancy.is_tenants(read.oid))
        && reads().any(exposes_users)
        && !model.meaning.filters_by_session(&rule.tree)
}

/// `true` if the hosting platform manages the table of users (Supabase, "User Management").
fn is_platforms(relation: &Relation) -> bool {
    (relation.schema.as_str(), relation.name.as_str()) == ("auth", "users")
}

fn finding(
    model: &Model,
    check: &Check,
    relation: &Relation,
    readers: &[&AppRole],
    columns: &[&Column],
) -> Finding {
    let name = relation.display();
    let names: Vec<&str> = readers.iter().map(|role| role.name.as_str()).collect();
    let what: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let message = format!(
        "{} can read {} of every row of {name}: it contains the users of all tenants, and no \
         policy confines them to the tenant of the session",
        listed(&names),
        listed(&what)
    );
    let severity = if readers.iter().any(|role| role.anonymous) {
        Severity::High
    } else {
        Severity::Medium
    };
    let fix = Fix::proposal(
        Phase::Grants,
        "only let the application read the other columns, and look up a user for the login in a \
         function; or add a policy for the users of the session's tenant",
        narrowed(model, relation, readers),
    );
    Finding::new(check, name, message, fix).severity(severity)
}

/// Returns statements that revoke SELECT and grant it on the columns that are not personal.
fn narrowed(model: &Model, relation: &Relation, readers: &[&AppRole]) -> Vec<String> {
    let table = relation.quoted();
    let mut statements = BTreeSet::new();
    let mut grants = Vec::new();
    for role in readers {
        statements.extend(revoke(model, role, relation, &["SELECT"]));
        let columns = model.catalog.columns_of(relation.oid).iter();
        let kept: Vec<String> = columns
            .filter(|column| !is_personal(column) && reads(model, role, column))
            .map(|column| identifier(&column.name))
            .collect();
        if !kept.is_empty() {
            let (kept, role) = (kept.join(", "), identifier(&role.name));
            grants.push(format!("GRANT SELECT ({kept}) ON {table} TO {role}"));
        }
    }
    statements.into_iter().chain(grants).collect()
}
