//! Publications: a subscriber receives the rows of every tenant unless a row filter excludes them
//! (PostgreSQL manual, Logical Replication, "Row Filters"). Policies do not apply to published
//! changes.

use std::collections::BTreeMap;

use super::{check, wording::listed};
use crate::audit::{
    catalog::Relation,
    findings::{Findings, Rule},
    model::Model,
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const UNFILTERED: Rule = Rule {
    check: check(
        "publication-unfiltered",
        (Severity::Low, Confidence::Medium),
        "a publication sends the rows of every tenant",
        include_str!("../../../../docs/audit/publication-unfiltered.md"),
    ),
    run: unfiltered,
};

/// The publication that Supabase Realtime sends to browsers. It applies the policies of each table
/// with row-level security (Supabase, "Postgres Changes").
const REALTIME: &str = "supabase_realtime";

/// Maximum number of tables named; the rest are counted.
const NAMED: usize = 5;

fn unfiltered(model: &Model, check: &Check, findings: &mut Findings) {
    let mut sent: BTreeMap<&str, Vec<&Relation>> = BTreeMap::new();
    for publication in model
        .catalog
        .publications
        .iter()
        .filter(|one| one.filter.is_none())
    {
        let tenants = model.tenancy.is_tenants(publication.relation);
        let Some(table) = model
            .catalog
            .relations
            .get(&publication.relation)
            .filter(|_| tenants)
        else {
            continue;
        };
        if publication.name != REALTIME || !table.rls {
            sent.entry(&publication.name).or_default().push(table);
        }
    }
    for (name, tables) in sent {
        findings.push(finding(check, name, &tables));
    }
}

fn finding(check: &Check, name: &str, tables: &[&Relation]) -> Finding {
    let mut names: Vec<String> = tables
        .iter()
        .take(NAMED)
        .map(|table| table.display())
        .collect();
    if tables.len() > NAMED {
        names.push(format!("{} more", tables.len() - NAMED));
    }
    let names = listed(&names);
    if name == REALTIME {
        let message = format!(
            "publication {name} sends changes of {names} to every subscriber: without row-level \
             security on the table, Realtime has no policies to apply"
        );
        let fix = Fix::advice(
            Phase::Security,
            format!("enable row-level security, or remove the tables from {name}"),
        );
        return Finding::new(check, name, message, fix).severity(Severity::Medium);
    }
    let message = format!(
        "publication {name} sends the rows of every tenant from {names} without a row filter: \
         subscribers see all of them"
    );
    let fix = Fix::advice(
        Phase::Grants,
        format!(
            "if the subscriber is not trusted with every tenant, publish each table with a row \
             filter: ALTER PUBLICATION {name} SET TABLE … WHERE (…)"
        ),
    );
    Finding::new(check, name, message, fix)
}
