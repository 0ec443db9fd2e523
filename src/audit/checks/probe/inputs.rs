//! Inputs shared by all probes: the model, the two tenants, the targets and their known rows.

use super::{
    execute::locks::Locks,
    identity::ProbeIdentity,
    prepare::{known::KnownRows, target::Target, tenant_pair::TenantPair},
};
use crate::{
    audit::model::{Model, search_path},
    quoting::{identifier, literal},
};

/// Inputs that every probe is built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeInputs<'a> {
    pub(crate) model: &'a Model,
    pub(crate) pair: &'a TenantPair,
    pub(crate) targets: &'a [Target],
    /// KnownRows rows, one entry for each target.
    pub(crate) known: &'a [KnownRows],
    pub(crate) options: SharedOptions<'a>,
}

/// Options that apply to all probes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedOptions<'a> {
    /// Also run statements with effects that may outlive a rollback.
    pub(crate) force: bool,
    /// Show statements and messages with the values of rows.
    pub(crate) show_values: bool,
    pub(crate) locks: &'a Locks,
}

impl<'f> ProbeInputs<'f> {
    /// Settings of a session of that role after login, by name.
    pub(crate) fn settings(
        &self,
        identity: ProbeIdentity<'_>,
    ) -> impl Iterator<Item = (&'f str, &'f str)> {
        let role = self.model.catalog.roles.get(&identity.role.oid);
        let settings = role.map_or(&[][..], |role| role.settings.as_slice());
        settings.iter().filter_map(|one| one.split_once('='))
    }

    /// Returns the statement that sets the search path of a role. If code of other users must not
    /// run, no schema precedes `pg_catalog`: statements printed by the database itself use its
    /// names unqualified.
    fn path(&self, value: &str) -> String {
        let mut names = search_path(value);
        if self.model.guards.probe.is_guarded() {
            names.retain(|name| name != "pg_catalog");
        }
        let names: Vec<String> = names.iter().map(|name| identifier(name)).collect();
        match names.as_slice() {
            [] => "SET LOCAL search_path TO ''".to_owned(),
            names => format!("SET LOCAL search_path TO {}", names.join(", ")),
        }
    }

    /// Returns the statements that switch an open transaction to a role: the settings that it would
    /// have after login, then role and context.
    pub(crate) fn enter(&self, identity: ProbeIdentity<'_>) -> Vec<String> {
        let mut statements = Vec::new();
        let mut has_path = false;
        for (name, value) in self.settings(identity) {
            if name == "search_path" {
                has_path = true;
                statements.push(self.path(value));
            } else if name.contains('.') {
                let parts: Vec<String> = name.split('.').map(identifier).collect();
                statements.push(format!(
                    "SET LOCAL {} = {}",
                    parts.join("."),
                    literal(value)
                ));
            }
        }
        if !has_path {
            statements.push("SET LOCAL search_path TO DEFAULT".to_owned());
        }
        let user = &self.pair.own(identity.context).user;
        statements.extend(
            self.model
                .session
                .enter(identity.role, user, identity.context),
        );
        statements
    }
}
