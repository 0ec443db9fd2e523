//! Default privileges of future tables (PostgreSQL manual, ALTER DEFAULT PRIVILEGES). Until
//! row-level security is enabled on a new table, its rows are visible to the grantee.

use std::collections::BTreeSet;

use super::{
    check,
    holders::{Holders, named, quoted},
};
use crate::{
    audit::{
        catalog::{DefaultGrant, Oid},
        findings::{Findings, Rule},
        model::Model,
        report::{Check, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const OPEN: Rule = Rule {
    check: check(
        "default-privileges-open",
        Severity::Low,
        "future tables are open until row-level security is enabled",
        include_str!("../../../../docs/audit/default-privileges-open.md"),
    ),
    run: open,
};

fn open(model: &Model, check: &Check, findings: &mut Findings) {
    let holders = Holders::new(model);
    // The roles that created the existing tables are expected to create the next one.
    let makers: BTreeSet<(Oid, &str)> = model
        .tenant_tables()
        .map(|table| (table.owner, table.schema.as_str()))
        .collect();
    for default in model
        .catalog
        .default_grants
        .iter()
        .filter(|one| one.kind == "r")
    {
        let makes = |(owner, schema): &(Oid, &str)| {
            *owner == default.creator && default.schema.as_deref().is_none_or(|one| one == *schema)
        };
        if makers.iter().any(makes) && !holders.of(default.grantee).is_empty() {
            findings.push(finding(model, check, &holders, default));
        }
    }
}

fn finding(model: &Model, check: &Check, holders: &Holders<'_>, default: &DefaultGrant) -> Finding {
    let creator = model.catalog.role_name(default.creator);
    let grantee = model.catalog.role_name(default.grantee);
    let place = match &default.schema {
        Some(schema) => format!("in schema {schema}"),
        None => "in any schema".to_owned(),
    };
    let privileges = default.privileges.join(", ");
    let message = format!(
        "every table that {creator} creates {place} grants {privileges} to {} before it can have \
         a policy",
        named(model, default.grantee)
    );
    let in_schema = match &default.schema {
        Some(schema) => format!(" IN SCHEMA {}", identifier(schema)),
        None => String::new(),
    };
    let statement = format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {}{in_schema} REVOKE {privileges} ON TABLES FROM {}",
        identifier(creator),
        quoted(model, default.grantee)
    );
    let summary = "grant privileges in the migration that creates the table, after ENABLE ROW \
                   LEVEL SECURITY";
    let object = default
        .schema
        .as_deref()
        .unwrap_or(&model.catalog.server.database);
    let truncates = default.privileges.iter().any(|one| one == "TRUNCATE");
    let anonymous = holders
        .of(default.grantee)
        .iter()
        .all(|role| role.anonymous);
    let severity = if default.grantee == Oid::PUBLIC || anonymous || truncates {
        Severity::Medium
    } else {
        Severity::Low
    };
    Finding::new(
        check,
        object,
        message,
        Fix::proposal(Phase::Grants, summary, [statement]),
    )
    .part(format!("{creator} → {grantee}"))
    .severity(severity)
}
