//! Roles of the application that bypass row-level security (PostgreSQL manual, 5.9: superusers and
//! roles with BYPASSRLS always bypass it).

use super::check;
use crate::{
    audit::{
        catalog::Role,
        findings::{Claim, Findings, Rule},
        model::{AppRole, Model},
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

/// The role created by `initdb`: PostgreSQL does not allow removing SUPERUSER from it.
const BOOTSTRAP: u32 = 10;

/// Number of tables to probe as a proof.
const PROOFS: usize = 3;

pub(super) const SUPERUSER: Rule = Rule {
    check: check(
        "role-superuser",
        Severity::Critical,
        "the application connects as a superuser",
        include_str!("../../../../docs/audit/role-superuser.md"),
    ),
    run: superuser,
};

pub(super) const BYPASS_RLS: Rule = Rule {
    check: check(
        "role-bypass-rls",
        Severity::Critical,
        "the application's role has BYPASSRLS",
        include_str!("../../../../docs/audit/role-bypass-rls.md"),
    ),
    run: bypass_rls,
};

pub(super) const REPLICATION: Rule = Rule {
    check: check(
        "role-replication",
        Severity::High,
        "the application's role may replicate the whole database",
        include_str!("../../../../docs/audit/role-replication.md"),
    ),
    run: replication,
};

/// Reports roles with REPLICATION. Superusers have a check of their own.
fn replication(model: &Model, check: &Check, findings: &mut Findings) {
    for actor in &model.app_roles.roles {
        let role = model.catalog.roles.get(&actor.oid);
        if role.is_none_or(|role| !role.replication || role.superuser) {
            continue;
        }
        let name = &actor.name;
        let message = format!(
            "role {name} has REPLICATION: it may read the whole database as a standby or a backup \
             does, without any policy"
        );
        let statement = format!("ALTER ROLE {} NOREPLICATION", identifier(name));
        let fix = Fix::mechanical(
            Phase::Roles,
            format!("remove the attribute from {name}"),
            [statement],
        );
        findings.push(Finding::new(check, name, message, fix));
    }
}

fn superuser(model: &Model, check: &Check, findings: &mut Findings) {
    report(model, check, findings, "SUPERUSER", |role| role.superuser);
}

fn bypass_rls(model: &Model, check: &Check, findings: &mut Findings) {
    let bypasses = |role: &Role| role.bypass_rls && !role.superuser;
    report(model, check, findings, "BYPASSRLS", bypasses);
}

fn report(
    model: &Model,
    check: &Check,
    findings: &mut Findings,
    attribute: &str,
    has: impl Fn(&Role) -> bool,
) {
    for actor in &model.app_roles.roles {
        let Some(role) = model.catalog.roles.get(&actor.oid).filter(|role| has(role)) else {
            continue;
        };
        let name = &role.name;
        let message = format!("role {name} has {attribute}: no policy on any table applies to it");
        let finding = Finding::new(check, name, message, remedy(actor))
            .confidence(confidence(actor))
            .fact(format!(
                "the application is assumed to use {name}: {}",
                actor.why
            ));
        findings.suspect(finding, claims(model, actor));
    }
}

/// Returns the confidence. An owner is only assumed to be the application's role because no other
/// role has privileges.
fn confidence(actor: &AppRole) -> Confidence {
    if actor.owner {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

fn remedy(actor: &AppRole) -> Fix {
    let name = &actor.name;
    if actor.owner || actor.oid.0 == BOOTSTRAP {
        let summary = format!(
            "let the application connect as a separate role that owns nothing, instead of {name}"
        );
        return Fix::advice(Phase::Roles, summary);
    }
    let statement = format!("ALTER ROLE {} NOSUPERUSER NOBYPASSRLS", identifier(name));
    let summary = format!("remove the attribute from {name}; it keeps its grants");
    Fix::mechanical(Phase::Roles, summary, [statement])
}

fn claims(model: &Model, actor: &AppRole) -> Vec<Claim> {
    let readable = model
        .tenant_tables()
        .filter(|relation| model.privileges(actor.oid, relation).select);
    let claim = |oid| Claim {
        role: Some(actor.oid),
        ..Claim::reads(oid)
    };
    readable
        .take(PROOFS)
        .map(|relation| claim(relation.oid))
        .collect()
}
