//! Settings of the operator that replace or limit inference.

use std::collections::BTreeSet;

use super::tenancy::Belonging;
use crate::{
    audit::catalog::{Catalog, Oid, Relation},
    error::{Error, Result},
    suggest::did_you_mean,
};

/// Schemas that a hosting platform manages: the application cannot change their contents (Supabase,
/// "Database → Schemas"; TimescaleDB, Citus and pg_cron have similar ones).
const MANAGED: &[&str] = &[
    "auth",
    "storage",
    "realtime",
    "_realtime",
    "_analytics",
    "supabase_functions",
    "supabase_migrations",
    "graphql",
    "graphql_public",
    "vault",
    "pgsodium",
    "pgsodium_masks",
    "extensions",
    "net",
    "cron",
    "pgbouncer",
    "citus",
    "citus_internal",
    "columnar",
    "_timescaledb_catalog",
    "_timescaledb_config",
    "_timescaledb_internal",
    "_timescaledb_cache",
    "timescaledb_information",
    "pgmq",
    "repack",
    "partman",
];

/// Flags and the `[audit]` section.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The schemas to audit. Empty: all except the managed ones.
    pub schemas: Vec<String>,
    pub excluded_schemas: Vec<String>,
    /// The table of tenants, as `schema.table` or `table`.
    pub tenant_table: Option<String>,
    /// The column that names the tenant.
    pub tenant_key: Option<String>,
    /// Tables with the same rows for all tenants.
    pub reference_tables: Vec<String>,
    /// Tables that do not belong to a single tenant, such as users.
    pub global_tables: Vec<String>,
    /// The roles that the application uses.
    pub roles: Vec<String>,
    /// Statements that set the tenant of a session, with `{tenant}` and `{user}`.
    pub session: Option<String>,
    /// The tenants to probe between.
    pub tenants: Vec<String>,
}

impl Overrides {
    /// Returns the relations to audit.
    pub fn relations(&self, catalog: &Catalog) -> BTreeSet<Oid> {
        let relations = catalog.relations.values();
        relations
            .filter(|relation| self.includes(relation))
            .map(|relation| relation.oid)
            .collect()
    }

    /// `true` if that schema is audited.
    pub fn includes_schema(&self, schema: &str) -> bool {
        if self.excluded_schemas.iter().any(|one| one == schema) {
            return false;
        }
        match self.schemas.as_slice() {
            [] => !MANAGED.contains(&schema),
            schemas => schemas.iter().any(|one| one == schema),
        }
    }

    /// `true` if the operator specified that its rows are shared or global.
    pub fn is_specified(&self, relation: &Relation) -> bool {
        let mut names = self.reference_tables.iter().chain(&self.global_tables);
        names.any(|name| *name == relation.display() || *name == relation.name)
    }

    /// # Errors
    /// `NotFound` if a schema does not exist: the audit would skip everything in it.
    pub(super) fn require_schemas(&self, catalog: &Catalog) -> Result<()> {
        let known = || catalog.schemas.values().map(|schema| schema.name.as_str());
        for name in self.schemas.iter().chain(&self.excluded_schemas) {
            if !known().any(|schema| schema == name) {
                let error = Error::not_found(format!("schema {name} not found"));
                return Err(match did_you_mean(name, known()) {
                    Some(hint) => error.hint(hint),
                    None => error.hint("specify a schema of this database"),
                });
            }
        }
        Ok(())
    }

    fn includes(&self, relation: &Relation) -> bool {
        self.includes_schema(&relation.schema)
    }

    /// Returns the tables with a specified scope.
    pub(super) fn specified_tables(&self, catalog: &Catalog) -> Result<Vec<(Oid, Belonging)>> {
        let mut tables = Vec::new();
        for (names, belonging) in [
            (&self.reference_tables, Belonging::Reference),
            (&self.global_tables, Belonging::Global),
        ] {
            for name in names {
                tables.push((find(catalog, name)?.oid, belonging.clone()));
            }
        }
        Ok(tables)
    }
}

/// Finds a relation by name: `schema.table`, or `table` if only one schema contains it.
///
/// # Errors
/// `NotFound`, or `Usage` if several schemas contain it.
pub(super) fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Relation> {
    let matching: Vec<&Relation> = catalog
        .relations
        .values()
        .filter(|relation| relation.display() == name || relation.name == name)
        .collect();
    match matching.as_slice() {
        [] => {
            let error = Error::not_found(format!("table {name} not found"));
            let relations = catalog.relations.values();
            let known: Vec<String> = relations
                .flat_map(|relation| [relation.name.clone(), relation.display()])
                .collect();
            Err(match did_you_mean(name, known.iter().map(String::as_str)) {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
        [only] => Ok(only),
        several => match several.iter().find(|relation| relation.display() == name) {
            Some(exact) => Ok(exact),
            None => Err(
                Error::usage(format!("table {name}: found in several schemas"))
                    .hint(format!("add the schema, such as {}", several[0].display())),
            ),
        },
    }
}
