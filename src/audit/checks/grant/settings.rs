//! Roles with sessions that start with a tenant (PostgreSQL manual, ALTER ROLE … SET): a session
//! that does not set its tenant uses that one instead of seeing no rows.

use std::collections::BTreeSet;

use super::check;
use crate::{
    audit::{
        catalog::Role,
        expression::SessionSource,
        findings::{Findings, Rule},
        model::Model,
        report::{Check, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const SETTING_TENANT: Rule = Rule {
    check: check(
        "role-setting-tenant",
        Severity::Medium,
        "sessions of a role start with a tenant",
        include_str!("../../../../docs/audit/role-setting-tenant.md"),
    ),
    run: setting_tenant,
};

fn setting_tenant(model: &Model, check: &Check, findings: &mut Findings) {
    let catalog = &model.catalog;
    // Settings of a role apply to sessions that log in as it, not to those that switch to it.
    let serves = |role: &&Role| {
        let mut app_roles = model.app_roles.roles.iter();
        !role.superuser && app_roles.any(|actor| catalog.rights.may_become(role.oid, actor.oid))
    };
    let custom: Vec<(&Role, &str, &str)> = catalog
        .roles
        .values()
        .filter(serves)
        .flat_map(|role| {
            let pairs = role.settings.iter().filter_map(|one| one.split_once('='));
            pairs.map(move |(name, value)| (role, name, value))
        })
        .filter(|(_, name, value)| name.contains('.') && !value.is_empty())
        .collect();
    if custom.is_empty() {
        return;
    }
    let read = read_by_policies(model);
    for (role, name, _) in custom
        .into_iter()
        .filter(|(_, name, _)| read.contains(name))
    {
        let message = format!(
            "sessions of role {} start with a value of {name}, which policies use as the tenant",
            role.name
        );
        findings
            .push(Finding::new(check, &role.name, message, remedy(model, role, name)).part(name));
    }
}

/// Returns the fix. The catalog's snapshot does not contain whether the setting applies to the role
/// in all databases or in this one. Resetting a missing setting has no effect.
fn remedy(model: &Model, role: &Role, name: &str) -> Fix {
    let parts: Vec<String> = name.split('.').map(identifier).collect();
    let (role, setting) = (identifier(&role.name), parts.join("."));
    let database = identifier(&model.catalog.server.database);
    Fix::mechanical(
        Phase::Roles,
        "let each session set its own tenant",
        [
            format!("ALTER ROLE {role} RESET {setting}"),
            format!("ALTER ROLE {role} IN DATABASE {database} RESET {setting}"),
        ],
    )
}

/// Returns the settings that policies compare with a column, completely or in part.
fn read_by_policies(model: &Model) -> BTreeSet<&str> {
    let sources = model
        .meaning
        .comparisons
        .iter()
        .flat_map(|one| &one.sources);
    sources
        .filter_map(|source| match source {
            SessionSource::Setting(setting) | SessionSource::Claim { setting, .. } => {
                Some(setting.as_str())
            }
            _ => None,
        })
        .collect()
}
