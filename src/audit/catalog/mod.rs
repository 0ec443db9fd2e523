//! The catalog of one database, read once: a fixed number of set-based queries, whatever the
//! number of tables, all in the caller's transaction and so from one snapshot.
//!
//! Rows are kept as the catalog has them (PostgreSQL manual, chapter 53), with names and texts
//! resolved; what they mean is for [`super::model`] to say.

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

/// Everything the checks ask of the catalog.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub server: Server,
    /// The role that the attacks are made from: the one that reads the catalog, unless they have
    /// a connection of their own.
    pub attacker: Oid,
    pub schemas: BTreeMap<Oid, Schema>,
    pub relations: BTreeMap<Oid, Relation>,
    /// Keyed by relation, in the order of their numbers.
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
    /// Keyed by their name in lower case, as unquoted text has it.
    functions_by_name: BTreeMap<String, Vec<Oid>>,
    /// One entry for each table of each publication.
    pub publications: Vec<Publication>,
    /// The operators called `=`.
    pub equalities: BTreeSet<Oid>,
    /// Who may do what, with inheritance resolved.
    pub rights: Rights,
}

impl Catalog {
    /// The columns of a relation; none for one that is not known.
    pub fn columns_of(&self, relation: Oid) -> &[Column] {
        self.columns.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The column of that number.
    pub fn column(&self, relation: Oid, number: i16) -> Option<&Column> {
        let columns = self.columns_of(relation);
        let place = columns.binary_search_by_key(&number, |column| column.number);
        place.ok().map(|place| &columns[place])
    }

    /// The column of that name.
    pub fn column_named(&self, relation: Oid, name: &str) -> Option<&Column> {
        let mut columns = self.columns_of(relation).iter();
        columns.find(|column| column.name == name)
    }

    /// The constraints of a relation.
    pub fn constraints_of(&self, relation: Oid) -> &[Constraint] {
        self.constraints.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The foreign keys of a relation.
    pub fn foreign_keys(&self, relation: Oid) -> impl Iterator<Item = &Constraint> {
        let constraints = self.constraints_of(relation).iter();
        constraints.filter(|constraint| constraint.kind == ConstraintKind::Foreign)
    }

    /// The columns of the primary key; none where there is no primary key.
    pub fn primary_key(&self, relation: Oid) -> &[i16] {
        let mut constraints = self.constraints_of(relation).iter();
        constraints
            .find(|constraint| constraint.kind == ConstraintKind::Primary)
            .map_or(&[], |constraint| constraint.columns.as_slice())
    }

    /// The indexes of a relation.
    pub fn indexes_of(&self, relation: Oid) -> &[Index] {
        self.indexes.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The policies of a relation.
    pub fn policies_of(&self, relation: Oid) -> &[Policy] {
        self.policies.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The rules of a relation.
    pub fn rules_of(&self, relation: Oid) -> &[Rule] {
        self.rules.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The triggers of a relation.
    pub fn triggers_of(&self, relation: Oid) -> &[Trigger] {
        self.triggers.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// The rule that a view or a materialized view is.
    pub fn view_rule(&self, relation: Oid) -> Option<&Rule> {
        let mut rules = self.rules_of(relation).iter();
        rules.find(|rule| rule.name == "_RETURN")
    }

    /// The functions of that name, in lower case, whatever their schema and arguments.
    pub fn functions_named(&self, name: &str) -> impl Iterator<Item = &Function> {
        let found = self.functions_by_name.get(name);
        found.into_iter().flatten().map(|oid| &self.functions[oid])
    }

    /// A role's name, or `public`.
    pub fn role_name(&self, role: Oid) -> &str {
        self.roles.get(&role).map_or("public", |role| &role.name)
    }

    /// The role of that name.
    pub fn role_named(&self, name: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.name == name)
    }

    /// The role that is connected.
    ///
    /// # Panics
    /// Never: the catalog is read as a role that is in it.
    pub fn auditor(&self) -> &Role {
        &self.roles[&self.server.role]
    }

    /// The role that attacks.
    ///
    /// # Panics
    /// Never: it is connected to the database that the catalog is of.
    pub fn attacker(&self) -> &Role {
        &self.roles[&self.attacker]
    }
}
