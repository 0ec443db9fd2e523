//! Privileges that policies do not restrict (PostgreSQL manual, 5.8 and 5.9): row-level security
//! covers SELECT, INSERT, UPDATE and DELETE, but no other privilege on a table.

use std::collections::BTreeMap;

use super::{
    check,
    holders::{Held, Holders, named, quoted},
};
use crate::audit::{
    catalog::{GrantClass, Oid},
    findings::{Findings, Rule},
    model::{AppRole, Model},
    report::{Check, Finding, Fix, Phase, Severity},
};

/// Minimum number of tables for combining findings about the same privilege on all of them.
const BLANKET: usize = 4;

/// The roles that requests to PostgREST run as. Supabase grants them all privileges on every table.
const BY_REQUESTS: &[&str] = &["anon", "authenticated", "web_anon"];

pub(super) const TRUNCATE: Rule = Rule {
    check: check(
        "grant-truncate",
        Severity::High,
        "the application may TRUNCATE a tenant table",
        include_str!("../../../../docs/audit/grant-truncate.md"),
    ),
    run: truncate,
};

pub(super) const REFERENCES: Rule = Rule {
    check: check(
        "grant-references",
        Severity::Low,
        "the application may create foreign keys to a tenant table",
        include_str!("../../../../docs/audit/grant-references.md"),
    ),
    run: references,
};

pub(super) const TRIGGER: Rule = Rule {
    check: check(
        "grant-trigger",
        Severity::Medium,
        "the application may create triggers on a tenant table",
        include_str!("../../../../docs/audit/grant-trigger.md"),
    ),
    run: trigger,
};

pub(super) const GRANTABLE: Rule = Rule {
    check: check(
        "grant-grantable",
        Severity::Medium,
        "the application may grant its privileges on a tenant table",
        include_str!("../../../../docs/audit/grant-grantable.md"),
    ),
    run: grantable,
};

fn truncate(model: &Model, check: &Check, findings: &mut Findings) {
    report(
        model,
        check,
        findings,
        "TRUNCATE",
        |_| true,
        |who, table| {
            format!(
                "{who} may TRUNCATE {table}: it removes the rows of all tenants, and policies do \
                 not apply to it"
            )
        },
    );
}

fn references(model: &Model, check: &Check, findings: &mut Findings) {
    let catalog = &model.catalog;
    // A foreign key requires a table of the application's own that is not temporary.
    let creates = |role: &AppRole| {
        let mut schemas = catalog.schemas.keys();
        schemas.any(|schema| catalog.rights.creates_in_schema(role.oid, *schema))
    };
    let creators: Vec<_> = model
        .app_roles
        .roles
        .iter()
        .filter(|role| creates(role))
        .map(|role| role.oid)
        .collect();
    let can = |held: &Held<'_>| held.roles.iter().any(|role| creators.contains(&role.oid));
    report(model, check, findings, "REFERENCES", can, |who, table| {
        format!(
            "{who} may create a foreign key to {table}: its check reads the rows of all tenants \
             and reveals existing keys"
        )
    });
}

fn trigger(model: &Model, check: &Check, findings: &mut Findings) {
    report(
        model,
        check,
        findings,
        "TRIGGER",
        |_| true,
        |who, table| {
            format!(
                "{who} may create a trigger on {table}: its function runs with the privileges of \
                 the role that writes there, and reads the row"
            )
        },
    );
}

fn grantable(model: &Model, check: &Check, findings: &mut Findings) {
    for held in Holders::new(model).on_tenants() {
        if !held.grant.grantable {
            continue;
        }
        let (who, table) = (named(model, held.grant.grantee), held.relation.display());
        let privileges = held.grant.privileges.iter().map(String::as_str);
        let message = format!("{who} may grant its privileges on {table} to any other role");
        let statement = format!(
            "REVOKE GRANT OPTION FOR {} FROM {}",
            held.clause(model, privileges),
            quoted(model, held.grant.grantee)
        );
        let fix = Fix::mechanical(
            Phase::Grants,
            "revoke the grant option; the privilege itself remains",
            [statement],
        );
        findings.push(placed(model, check, &held, message, fix));
    }
}

/// Reports the grants of a privilege on tables, including columns. If a role has it on every tenant
/// table of a schema, this is one decision, often by a hosting platform, and one finding.
fn report(
    model: &Model,
    check: &Check,
    findings: &mut Findings,
    privilege: &str,
    counts: impl Fn(&Held<'_>) -> bool,
    message: impl Fn(&str, &str) -> String,
) {
    let mut tables: BTreeMap<&str, usize> = BTreeMap::new();
    for table in model.tenant_tables() {
        *tables.entry(table.schema.as_str()).or_default() += 1;
    }
    let mut held: BTreeMap<(&str, Oid), Vec<Held<'_>>> = BTreeMap::new();
    for one in Holders::new(model).on_tenants() {
        if one.relation.is_table() && one.has(privilege) && counts(&one) {
            let place = (one.relation.schema.as_str(), one.grant.grantee);
            held.entry(place).or_default().push(one);
        }
    }
    for ((schema, grantee), grants) in held {
        let who = named(model, grantee);
        let whole = grants
            .iter()
            .all(|one| one.grant.class == GrantClass::Relation);
        if whole && grants.len() >= BLANKET && tables.get(schema) == Some(&grants.len()) {
            let all = format!("each of the {} tenant tables in {schema}", grants.len());
            let finding = revoking_all(model, check, &grants, privilege, message(&who, &all));
            findings.push(weighed(finding, check, &grants[0]));
        } else {
            for one in &grants {
                let message = message(&who, &one.relation.display());
                let finding = revoking(model, check, one, privilege, message);
                findings.push(weighed(finding, check, one));
            }
        }
    }
}

/// Lowers the severity for a role that is only used for requests of PostgREST. It does not send
/// TRUNCATE or CREATE TRIGGER, unless a function runs the text of a request.
fn weighed(finding: Finding, check: &Check, held: &Held<'_>) -> Finding {
    let by_requests = |role: &&AppRole| BY_REQUESTS.contains(&role.name.as_str());
    if held.roles.iter().all(by_requests) {
        finding.severity(check.severity.max(Severity::Medium))
    } else {
        finding
    }
}

fn revoking_all(
    model: &Model,
    check: &Check,
    grants: &[Held<'_>],
    privilege: &str,
    message: String,
) -> Finding {
    let grantee = grants[0].grant.grantee;
    let schema = &grants[0].relation.schema;
    let tables: Vec<String> = grants.iter().map(|one| one.relation.quoted()).collect();
    let statement = format!(
        "REVOKE {privilege} ON {} FROM {}",
        tables.join(", "),
        quoted(model, grantee)
    );
    let summary = format!("revoke {privilege} on the tenant tables in {schema}");
    let fix = Fix::mechanical(Phase::Grants, summary, [statement]);
    Finding::new(check, schema, message, fix).part(model.catalog.role_name(grantee))
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

/// Adds the table or column of the grant to the finding.
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
