//! Rights that policies say nothing about (PostgreSQL manual, 5.8 and 5.9): row-level security
//! covers SELECT, INSERT, UPDATE and DELETE, and no other right on a table.

use super::{
    check,
    holders::{Held, Holders, named, quoted},
};
use crate::{
    audit::{
        catalog::GrantClass,
        findings::{Findings, Rule},
        model::{AppRole, Model},
    },
    domain::audit::{Check, Finding, Fix, Phase, Severity},
};

pub(super) const TRUNCATE: Rule = Rule {
    check: check(
        "grant-truncate",
        Severity::High,
        "the application may empty a tenant table",
        include_str!("../../../../docs/audit/grant-truncate.md"),
    ),
    run: truncate,
};

pub(super) const REFERENCES: Rule = Rule {
    check: check(
        "grant-references",
        Severity::Low,
        "the application may let foreign keys refer to a tenant table",
        include_str!("../../../../docs/audit/grant-references.md"),
    ),
    run: references,
};

pub(super) const TRIGGER: Rule = Rule {
    check: check(
        "grant-trigger",
        Severity::Medium,
        "the application may put triggers on a tenant table",
        include_str!("../../../../docs/audit/grant-trigger.md"),
    ),
    run: trigger,
};

pub(super) const GRANTABLE: Rule = Rule {
    check: check(
        "grant-grantable",
        Severity::Medium,
        "the application may pass its rights on a tenant table on",
        include_str!("../../../../docs/audit/grant-grantable.md"),
    ),
    run: grantable,
};

fn truncate(model: &Model, check: &Check, findings: &mut Findings) {
    on_tables(model, "TRUNCATE", |held| {
        let (who, table) = (named(model, held.grant.grantee), held.relation.display());
        let message = format!(
            "{who} may TRUNCATE {table}: it removes every tenant's rows, and no policy applies to it"
        );
        findings.push(revoking(model, check, held, "TRUNCATE", message));
    });
}

fn references(model: &Model, check: &Check, findings: &mut Findings) {
    let catalog = &model.catalog;
    // A foreign key needs a table of one's own, and one that is not temporary.
    let creates = |role: &AppRole| {
        let mut schemas = catalog.schemas.keys();
        schemas.any(|schema| catalog.rights.creates_in_schema(role.oid, *schema))
    };
    let creators: Vec<_> = model
        .actors
        .roles
        .iter()
        .filter(|role| creates(role))
        .map(|role| role.oid)
        .collect();
    on_tables(model, "REFERENCES", |held| {
        if !held.roles.iter().any(|role| creators.contains(&role.oid)) {
            return;
        }
        let (who, table) = (named(model, held.grant.grantee), held.relation.display());
        let message = format!(
            "{who} may refer to {table} by a foreign key of its own, whose check looks at every \
             tenant's rows and so tells which keys exist"
        );
        findings.push(revoking(model, check, held, "REFERENCES", message));
    });
}

fn trigger(model: &Model, check: &Check, findings: &mut Findings) {
    on_tables(model, "TRIGGER", |held| {
        let (who, table) = (named(model, held.grant.grantee), held.relation.display());
        let message = format!(
            "{who} may put a trigger on {table}: its function then runs with the rights of \
             whoever writes there, and sees the row"
        );
        findings.push(revoking(model, check, held, "TRIGGER", message));
    });
}

fn grantable(model: &Model, check: &Check, findings: &mut Findings) {
    for held in Holders::new(model).on_tenants() {
        if !held.grant.grantable {
            continue;
        }
        let (who, table) = (named(model, held.grant.grantee), held.relation.display());
        let privileges = held.grant.privileges.iter().map(String::as_str);
        let message = format!("{who} may grant its rights on {table} to any other role");
        let statement = format!(
            "REVOKE GRANT OPTION FOR {} FROM {}",
            held.clause(model, privileges),
            quoted(model, held.grant.grantee)
        );
        let fix = Fix::mechanical(
            Phase::Grants,
            "take the grant option; the right itself stays",
            [statement],
        );
        findings.push(placed(model, check, &held, message, fix));
    }
}

/// Calls `each` for the grants of a privilege on tables, columns included.
fn on_tables(model: &Model, privilege: &str, mut each: impl FnMut(&Held<'_>)) {
    for held in Holders::new(model).on_tenants() {
        if held.relation.is_table() && held.has(privilege) {
            each(&held);
        }
    }
}

fn revoking(
    model: &Model,
    check: &Check,
    held: &Held<'_>,
    privilege: &str,
    message: String,
) -> Finding {
    let grantee = quoted(model, held.grant.grantee);
    let statement = format!("REVOKE {} FROM {grantee}", held.clause(model, [privilege]));
    let summary = format!("revoke {privilege} on {}", held.relation.display());
    let fix = Fix::mechanical(Phase::Grants, summary, [statement]);
    placed(model, check, held, message, fix)
}

/// The finding on the table, or on the column, that the grant is on.
fn placed(model: &Model, check: &Check, held: &Held<'_>, message: String, fix: Fix) -> Finding {
    let relation = held.relation;
    let finding = Finding::new(check, relation.display(), message, fix)
        .part(model.catalog.role_name(held.grant.grantee));
    if held.grant.class == GrantClass::Column {
        finding.column(model.column_name(relation.oid, held.grant.column))
    } else {
        finding
    }
}
