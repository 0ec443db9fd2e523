//! Meaning of the catalog: relationship of tables to tenants, roles of the application, tenant of a
//! session, and expressions of the policies.

mod app_roles;
mod arguments;
mod candidates;
mod facts;
mod left_out;
mod meaning;
mod names;
mod overrides;
mod path;
mod public;
mod tenancy;
mod tenant_session;
mod vocabulary;

pub use app_roles::{AppRole, AppRoles, LeftOut};
pub use meaning::{Comparison, Meaning, PolicyExpressions, Side};
pub use overrides::Overrides;
pub use path::search_path;
pub use tenancy::{Belonging, Link, MembershipTable, Tenancy};
pub use tenant_session::{Names, TenantSession, TenantUser};

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use super::{
    catalog::{Catalog, Oid, Privileges, Relation},
    expression::Confinement,
    reach::Guards,
};
use crate::error::{Error, Result};

/// The catalog and all inferences from it. Checks read nothing else.
#[derive(Clone, Debug)]
pub struct Model {
    pub catalog: Catalog,
    pub overrides: Overrides,
    pub tenancy: Tenancy,
    pub app_roles: AppRoles,
    pub meaning: Meaning,
    pub session: TenantSession,
    /// Reach of the sessions that read rows and probe.
    pub guards: Guards,
    /// Effect of each side of each policy on rows. Computed once and shared by the checks of
    /// policies.
    pub confinements: OnceLock<BTreeMap<(Oid, Side), Confinement>>,
    /// The relations to audit, ordered by name.
    by_name: Vec<Oid>,
    /// Privileges of each role of the application on each relation.
    held: HashMap<(Oid, Oid), Privileges>,
}

impl Model {
    /// Infers the model from a catalog.
    ///
    /// # Errors
    /// `NotFound` if a schema, table, column or role of `overrides` does not exist.
    pub fn infer(catalog: Catalog, overrides: Overrides) -> Result<Self> {
        overrides.require_schemas(&catalog)?;
        let meaning = Meaning::read(&catalog);
        let tenancy = Tenancy::infer(&catalog, &overrides, &meaning.compared())?;
        let app_roles = AppRoles::infer(&catalog, &tenancy, &overrides)?;
        let session = TenantSession::infer(&catalog, &overrides, &tenancy, &meaning);
        let mut by_name: Vec<Oid> = tenancy.tables.keys().copied().collect();
        by_name.sort_by_key(|oid| {
            catalog
                .relations
                .get(oid)
                .map(|one| (&one.schema, &one.name))
        });
        let mut model = Self {
            catalog,
            overrides,
            tenancy,
            app_roles,
            meaning,
            session,
            guards: Guards::default(),
            confinements: OnceLock::new(),
            by_name,
            held: HashMap::new(),
        };
        model.held = model.privileges_of_app_roles();
        Ok(model)
    }

    /// # Errors
    /// `NotFound` if no tenant key was found.
    pub fn require_tenants(&self) -> Result<()> {
        if self.tenancy.key_name.is_some() {
            return Ok(());
        }
        let message = "tenant key not found: no column appears to name the tenant of a row";
        Err(Error::not_found(message).hint(
            "specify it with --tenant-key COLUMN, and the table of tenants with --tenant-table \
             TABLE",
        ))
    }

    /// Returns the search path of the application: the setting of its first role, otherwise the
    /// schemas with tables, `public` first.
    pub fn search_path(&self) -> Vec<String> {
        let roles = self.app_roles.roles.iter();
        let mut settings = roles
            .filter_map(|role| self.catalog.roles.get(&role.oid))
            .flat_map(|role| &role.settings)
            .filter_map(|setting| setting.strip_prefix("search_path="));
        if let Some(path) = settings.next() {
            return search_path(path);
        }
        let mut schemas: Vec<String> = self.relations().map(|one| one.schema.clone()).collect();
        schemas.dedup();
        schemas.sort_by_key(|schema| schema != "public");
        schemas
    }

    /// Returns the relations to audit, ordered by name.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        let known = &self.catalog.relations;
        self.by_name.iter().filter_map(|oid| known.get(oid))
    }

    /// Returns the tables, including partitioned tables and partitions, with rows that belong to
    /// tenants.
    pub fn tenant_tables(&self) -> impl Iterator<Item = &Relation> {
        self.relations()
            .filter(|relation| relation.is_table() && self.tenancy.is_tenants(relation.oid))
    }

    /// Returns the path from a row to its tenant: a column, or foreign keys as in `order_id →
    /// orders.org_id`.
    pub fn path_to_tenant(&self, relation: Oid) -> Option<String> {
        match self.tenancy.of(relation) {
            Belonging::Root(key) | Belonging::Keyed(key) => {
                Some(self.column_name(relation, *key).to_owned())
            }
            Belonging::Child(link) => {
                let columns = link
                    .columns
                    .iter()
                    .map(|number| self.column_name(relation, *number));
                let columns: Vec<&str> = columns.collect();
                let parent = self.catalog.relations.get(&link.parent)?;
                let further = self.path_to_tenant(link.parent)?;
                Some(format!(
                    "{} → {}.{further}",
                    columns.join(", "),
                    parent.name
                ))
            }
            Belonging::Global | Belonging::Reference => None,
        }
    }

    /// Returns the name of a column.
    pub fn column_name(&self, relation: Oid, number: i16) -> &str {
        let column = self.catalog.column(relation, number);
        column.map_or("?", |column| column.name.as_str())
    }

    /// `true` if row-level security applies to a role on a table (PostgreSQL manual, 5.8): it is
    /// enabled there, the role has neither SUPERUSER nor BYPASSRLS, and it does not act as the
    /// owner unless row-level security is forced.
    pub fn is_bound(&self, role: Oid, relation: &Relation) -> bool {
        let above = self
            .catalog
            .roles
            .get(&role)
            .is_some_and(|role| role.above_rls());
        let owner = self.catalog.rights.acts_as(role, relation.owner);
        relation.rls && !above && (relation.forced || !owner)
    }

    /// Returns the privileges of a role on the rows of a relation: those on the relation or on some
    /// of its columns, if the role has USAGE on the schema.
    pub fn privileges(&self, role: Oid, relation: &Relation) -> Privileges {
        let held = self.held.get(&(role, relation.oid));
        held.copied()
            .unwrap_or_else(|| self.granted(role, relation))
    }

    fn privileges_of_app_roles(&self) -> HashMap<(Oid, Oid), Privileges> {
        let roles = self.app_roles.roles.iter();
        let pairs = roles.flat_map(|role| self.relations().map(|relation| (role.oid, relation)));
        pairs
            .map(|(role, relation)| ((role, relation.oid), self.granted(role, relation)))
            .collect()
    }

    fn granted(&self, role: Oid, relation: &Relation) -> Privileges {
        if self.catalog.rights.uses_schema(role, &relation.schema) {
            self.catalog
                .rights
                .on_relation_or_columns(role, relation.oid)
        } else {
            Privileges::default()
        }
    }

    /// Returns the roles of the application with any privilege on the rows of a relation.
    pub fn roles_on(&self, relation: &Relation) -> Vec<&AppRole> {
        let roles = self.app_roles.roles.iter();
        roles
            .filter(|role| self.privileges(role.oid, relation).any_of_rows())
            .collect()
    }
}
