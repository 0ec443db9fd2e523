//! Privileges of PUBLIC, and of requests without a login.

use super::{
    check,
    holders::{GrantsByObject, Held, Holders, quoted},
};
use crate::audit::{
    catalog::{GrantClass, Oid, Policy, PolicyCommand, Relation, RelationKind},
    expression,
    findings::{Claim, Findings, Rule},
    model::{AppRole, Model},
    report::{Check, Finding, Fix, Phase, Severity},
};

/// Privileges on rows, and the commands of policies that they correspond to.
const ON_ROWS: &[(&str, PolicyCommand)] = &[
    ("SELECT", PolicyCommand::Select),
    ("INSERT", PolicyCommand::Insert),
    ("UPDATE", PolicyCommand::Update),
    ("DELETE", PolicyCommand::Delete),
];

pub(super) const PUBLIC: Rule = Rule {
    check: check(
        "grant-public",
        Severity::High,
        "PUBLIC has privileges on a tenant table",
        include_str!("../../../../docs/audit/grant-public.md"),
    ),
    run: public,
};

pub(super) const ANONYMOUS: Rule = Rule {
    check: check(
        "grant-anonymous",
        Severity::Medium,
        "requests without a login may write a tenant table",
        include_str!("../../../../docs/audit/grant-anonymous.md"),
    ),
    run: anonymous,
};

fn public(model: &Model, check: &Check, findings: &mut Findings) {
    let holders = Holders::new(model);
    let grants = GrantsByObject::new(model);
    for held in holders
        .on_tenants()
        .filter(|held| held.grant.grantee == Oid::PUBLIC)
    {
        let rights: Vec<&str> = ON_ROWS
            .iter()
            .map(|(privilege, _)| *privilege)
            .filter(|privilege| held.has(privilege))
            .collect();
        if rights.is_empty() {
            continue;
        }
        let table = held.relation.display();
        let open = held
            .roles
            .iter()
            .any(|role| is_open(model, role, held.relation));
        let (severity, bounds) = if open {
            (
                Severity::High,
                "and row-level security does not apply to it there",
            )
        } else {
            (Severity::Medium, "limited only by policies")
        };
        let message = format!("PUBLIC has {} on {table}, {bounds}", rights.join(", "));
        let mut finding = Finding::new(
            check,
            &table,
            message,
            narrowed(model, &grants, &held, &rights),
        )
        .severity(severity)
        .part("public");
        if held.grant.class == GrantClass::Column {
            finding = finding.column(model.column_name(held.relation.oid, held.grant.column));
        }
        let claims = if open && rights.contains(&"SELECT") {
            vec![Claim::reads(held.relation.oid)]
        } else {
            Vec::new()
        };
        findings.suspect(finding, claims);
    }
}

/// `true` if no policy applies to a role on a relation. On a view with `security_invoker` the
/// policies of its tables apply.
fn is_open(model: &Model, role: &AppRole, relation: &Relation) -> bool {
    let invoker = relation.kind == RelationKind::View && relation.has_option("security_invoker");
    !invoker && !model.is_bound(role.oid, relation)
}

/// Returns the fix: revokes from PUBLIC, and grants to the application's roles the privileges that
/// they only have through PUBLIC.
fn narrowed(model: &Model, grants: &GrantsByObject<'_>, held: &Held<'_>, rights: &[&str]) -> Fix {
    let clause = held.clause(model, rights.iter().copied());
    let mut statements = vec![format!("REVOKE {clause} FROM PUBLIC")];
    let on = (held.grant.class, held.grant.object, held.grant.column);
    let keeps = |role: &&&AppRole| {
        let owner = model.catalog.rights.acts_as(role.oid, held.relation.owner);
        !role.anonymous && !role.stands_for_public && !owner
    };
    for role in held.roles.iter().filter(keeps) {
        let lost: Vec<&str> = rights
            .iter()
            .copied()
            .filter(|privilege| !grants.without_public(role.oid, on, privilege))
            .collect();
        if !lost.is_empty() {
            let clause = held.clause(model, lost);
            statements.push(format!("GRANT {clause} TO {}", quoted(model, role.oid)));
        }
    }
    if statements.len() == 1
        && held
            .roles
            .iter()
            .all(|role| role.owner || role.stands_for_public)
    {
        // The application's role only has it through PUBLIC, and would lose it.
        let summary = "grant it to the role that the application connects as, then revoke it from \
                       PUBLIC";
        return Fix::proposal(Phase::Grants, summary, statements);
    }
    let summary = "revoke it from PUBLIC; the application's roles get the privileges that they \
                   had through it";
    Fix::mechanical(Phase::Grants, summary, statements)
}

fn anonymous(model: &Model, check: &Check, findings: &mut Findings) {
    if !model.app_roles.roles.iter().any(|role| role.anonymous) {
        return;
    }
    for held in Holders::new(model).on_tenants() {
        let Some(role) = held.roles.iter().find(|role| role.anonymous) else {
            continue;
        };
        // The check on PUBLIC reports its privileges.
        if held.grant.grantee == Oid::PUBLIC || !held.relation.is_table() {
            continue;
        }
        let rights: Vec<&str> = ON_ROWS
            .iter()
            .filter(|(privilege, _)| *privilege != "SELECT" && held.has(privilege))
            .filter(|(_, command)| passes(model, role, held.relation, *command))
            .map(|(privilege, _)| *privilege)
            .collect();
        if rights.is_empty() {
            continue;
        }
        let table = held.relation.display();
        let message = format!(
            "role {}, which requests without a login run as, has {} on {table}, and no policy \
             there checks the session",
            role.name,
            rights.join(", ")
        );
        let clause = held.clause(model, rights.iter().copied());
        let statement = format!("REVOKE {clause} FROM {}", quoted(model, held.grant.grantee));
        let summary = format!(
            "revoke the privilege to write {table}, unless anonymous visitors should write"
        );
        let fix = Fix::proposal(Phase::Grants, summary, [statement]);
        let mut finding = Finding::new(check, &table, message, fix)
            .part(model.catalog.role_name(held.grant.grantee));
        if held.grant.class == GrantClass::Column {
            finding = finding.column(model.column_name(held.relation.oid, held.grant.column));
        }
        findings.push(finding);
    }
}

/// `true` if a command of that role reaches rows without a policy that checks the session.
fn passes(model: &Model, role: &AppRole, relation: &Relation, command: PolicyCommand) -> bool {
    if !model.is_bound(role.oid, relation) {
        return true;
    }
    let applies = |policy: &&Policy| {
        policy.command.covers(command)
            && policy
                .roles
                .iter()
                .any(|one| *one == Oid::PUBLIC || model.catalog.rights.acts_as(role.oid, *one))
    };
    let policies = model
        .catalog
        .policies_of(relation.oid)
        .iter()
        .filter(applies);
    let (permissive, restrictive): (Vec<&Policy>, Vec<&Policy>) =
        policies.partition(|policy| policy.permissive);
    let asks = |policy: &&Policy| asks_session(model, policy);
    // All restrictive policies must pass, but only one permissive policy.
    !restrictive.iter().any(asks) && permissive.iter().any(|policy| !asks(policy))
}

/// `true` if an expression of the policy depends on the session, or on rows of another table, which
/// has policies of its own. An expression that could not be parsed counts as depending on it.
fn asks_session(model: &Model, policy: &Policy) -> bool {
    let Some(read) = model
        .meaning
        .policy(policy.oid)
        .filter(|read| read.unread.is_none())
    else {
        return true;
    };
    let mut expressions = read.using.iter().chain(&read.check);
    expressions.any(|expr| {
        !model.meaning.sources(expr).is_empty() || !expression::relations(expr).is_empty()
    })
}
