//! Catalog of one database, read once: a fixed number of set-based queries, regardless of the
//! number of tables, all in the caller's transaction and from one snapshot.
//!
//! Rows are kept as they are in the catalog (PostgreSQL manual, chapter 53), with names and texts
//! resolved. [`super::model`] infers their meaning.

mod access;
mod load;
mod oid;
mod texts;
mod types;

use std::collections::{BTreeMap, BTreeSet};

pub use access::{Privileges, Rights};
pub use oid::Oid;
pub use types::{
    Column, Constraint, ConstraintKind, DefaultGrant, Function, Grant, GrantClass, Index,
    Membership, Policy, PolicyCommand, Publication, Relation, RelationKind, Role, Rule, Schema,
    Server, Trigger,
};

/// The catalog data that the checks use.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub server: Server,
    /// The role that probes: the one that reads the catalog, unless the probes use a separate
    /// connection.
    pub probe_role: Oid,
    pub schemas: BTreeMap<Oid, Schema>,
    pub relations: BTreeMap<Oid, Relation>,
    /// Keyed by relation, ordered by number.
    pub columns: BTreeMap<Oid, Vec<Column>>,
    /// Keyed by relation.
    pub constraints: BTreeMap<Oid, Vec<Constraint>>,
    /// Keyed by relation.
    pub indexes: BTreeMap<Oid, Vec<Index>>,
    /// Keyed by relation.
    pub policies: BTreeMap<Oid, Vec<Policy>>,
    /// Keyed by relation; the rule of a view is called `_RETURN`.
    pub rules: BTreeMap<Oid, Vec<Rule>>,
    /// Keyed by relation.
    pub triggers: BTreeMap<Oid, Vec<Trigger>>,
    pub roles: BTreeMap<Oid, Role>,
    pub memberships: Vec<Membership>,
    pub grants: Vec<Grant>,
    pub default_grants: Vec<DefaultGrant>,
    pub functions: BTreeMap<Oid, Function>,
    /// Keyed by lowercase name, as in unquoted text.
    functions_by_name: BTreeMap<String, Vec<Oid>>,
    /// One entry per table and publication.
    pub publications: Vec<Publication>,
    /// The operators named `=`.
    pub equalities: BTreeSet<Oid>,
    /// Privileges with inheritance resolved.
    pub rights: Rights,
}

impl Catalog {
    /// Returns the columns of a relation; empty for an unknown one.
    pub fn columns_of(&self, relation: Oid) -> &[Column] {
        self.columns.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// Returns the column with that number.
    pub fn column(&self, relation: Oid, number: i16) -> Option<&Column> {
        let columns = self.columns_of(relation);
        let place = columns.binary_search_by_key(&number, |column| column.number);
        place.ok().map(|place| &columns[place])
    }

    /// Returns the column with that name.
    pub fn column_named(&self, relation: Oid, name: &str) -> Option<&Column> {
        let mut columns = self.columns_of(relation).iter();
        columns.find(|column| column.name == name)
    }

    /// Returns the constraints of a relation.
    pub fn constraints_of(&self, relation: Oid) -> &[Constraint] {
        self.constraints.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// Returns the foreign keys of a relation.
    pub fn foreign_keys(&self, relation: Oid) -> impl Iterator<Item = &Constraint> {
        let constraints = self.constraints_of(relation).iter();
        constraints.filter(|constraint| constraint.kind == ConstraintKind::Foreign)
    }

    /// Returns the columns of the primary key; empty without one.
    pub fn primary_key(&self, relation: Oid) -> &[i16] {
        let mut constraints = self.constraints_of(relation).iter();
        constraints
            .find(|constraint| constraint.kind == ConstraintKind::Primary)
            .map_or(&[], |constraint| constraint.columns.as_slice())
    }

    /// Returns the indexes of a relation.
    pub fn indexes_of(&self, relation: Oid) -> &[Index] {
        self.indexes.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// Returns the policies of a relation.
    pub fn policies_of(&self, relation: Oid) -> &[Policy] {
        self.policies.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// Returns the rules of a relation.
    pub fn rules_of(&self, relation: Oid) -> &[Rule] {
        self.rules.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// Returns the triggers of a relation.
    pub fn triggers_of(&self, relation: Oid) -> &[Trigger] {
        self.triggers.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// Returns the rule that defines a view or a materialized view.
    pub fn view_rule(&self, relation: Oid) -> Option<&Rule> {
        let mut rules = self.rules_of(relation).iter();
        rules.find(|rule| rule.name == "_RETURN")
    }

    /// Returns the functions with that name, in lower case, in any schema and with any arguments.
    pub fn functions_named(&self, name: &str) -> impl Iterator<Item = &Function> {
        let found = self.functions_by_name.get(name);
        found.into_iter().flatten().map(|oid| &self.functions[oid])
    }

    /// Returns the name of a role, or `public`.
    pub fn role_name(&self, role: Oid) -> &str {
        self.roles.get(&role).map_or("public", |role| &role.name)
    }

    /// Returns the role with that name.
    pub fn role_named(&self, name: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.name == name)
    }

    /// Returns the role that the audit connects as.
    ///
    /// # Panics
    /// Never: the catalog is read as a role that is in it.
    pub fn auditor(&self) -> &Role {
        &self.roles[&self.server.role]
    }

    /// Returns the role that probes.
    ///
    /// # Panics
    /// Never: it is connected to the same database, so it is in the catalog.
    pub fn probe_role(&self) -> &Role {
        &self.roles[&self.probe_role]
    }
}
