//! Relationship of each table to the tenants.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    candidates::{self, Key},
    names,
    overrides::Overrides,
};
use crate::{
    audit::{
        catalog::{Catalog, Column, Constraint, ConstraintKind, Oid, RelationKind},
        report::Scope,
        spelling,
    },
    error::Result,
    quoting::identifier,
};

/// Spelling of an expression over rows of parents.
struct Wording {
    /// The key of the tenant.
    key: fn(String, &Column) -> String,
    /// The operator that compares with that column.
    equals: fn(&Column) -> String,
}

/// Tenants of a database, inferred or specified.
#[derive(Clone, Debug, Default)]
pub struct Tenancy {
    /// The table of tenants, and the column that the tenant keys refer to.
    pub root: Option<(Oid, i16)>,
    /// The name of the tenant key in most tables.
    pub key_name: Option<String>,
    /// The OID and name of the key's type. For a domain, the base type.
    pub key_type: Option<(Oid, String)>,
    /// `true` if the table of tenants or the key was specified.
    pub specified: bool,
    /// Every table, view and foreign table that was examined.
    pub tables: BTreeMap<Oid, Belonging>,
    /// The tables that record which user belongs to which tenant.
    pub memberships: Vec<MembershipTable>,
}

/// Relationship of a relation's rows to tenants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Belonging {
    /// The table of tenants: this column is the key.
    Root(i16),
    /// This column names the tenant.
    Keyed(i16),
    /// The parent's row names the tenant.
    Child(Link),
    Global,
    Reference,
}

/// A foreign key that leads to the tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    pub constraint: String,
    pub columns: Vec<i16>,
    pub parent: Oid,
    pub parent_columns: Vec<i16>,
}

/// A table that records which user belongs to which tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MembershipTable {
    pub relation: Oid,
    pub tenant: i16,
    pub user: i16,
    /// The table of users, if a foreign key refers to one.
    pub users: Option<Oid>,
}

impl Belonging {
    /// Returns the scope for the report.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Root(_) => Scope::Root,
            Self::Keyed(_) => Scope::Keyed,
            Self::Child(_) => Scope::Child,
            Self::Global => Scope::Global,
            Self::Reference => Scope::Reference,
        }
    }

    /// `true` if each row belongs to a tenant.
    pub fn is_tenants(&self) -> bool {
        matches!(self, Self::Root(_) | Self::Keyed(_) | Self::Child(_))
    }

    /// The column that names the tenant in the row itself.
    pub fn key(&self) -> Option<i16> {
        match self {
            Self::Root(key) | Self::Keyed(key) => Some(*key),
            Self::Child(_) | Self::Global | Self::Reference => None,
        }
    }
}

impl Tenancy {
    /// Infers the tenancy. `compared` holds, by table, the columns that its policies compare with
    /// the session: the best evidence for the tenant key.
    ///
    /// # Errors
    /// `NotFound` if a table or column of `overrides` does not exist.
    pub fn infer(
        catalog: &Catalog,
        overrides: &Overrides,
        compared: &BTreeMap<Oid, BTreeSet<i16>>,
    ) -> Result<Self> {
        let looked_at = overrides.relations(catalog);
        let Some(key) = candidates::choose(catalog, overrides, &looked_at, compared)? else {
            let tables = looked_at.into_iter().map(|oid| (oid, Belonging::Reference));
            return Ok(Self {
                tables: tables.collect(),
                ..Self::default()
            });
        };
        let mut tenancy = Self {
            root: key.root,
            key_type: key_type(catalog, &key, &looked_at),
            key_name: Some(key.name.clone()),
            specified: key.specified,
            ..Self::default()
        };
        tenancy.assign_keys(catalog, &key, &looked_at);
        tenancy.find_memberships(catalog);
        tenancy.assign_users(catalog, &looked_at);
        tenancy.assign_children(catalog, &looked_at);
        tenancy.assign_views(catalog, &key.name, &looked_at);
        for (relation, specified) in overrides.specified_tables(catalog)? {
            tenancy.tables.insert(relation, specified);
        }
        for relation in looked_at {
            tenancy
                .tables
                .entry(relation)
                .or_insert(Belonging::Reference);
        }
        Ok(tenancy)
    }

    /// Returns the relationship of a relation to tenants; `Reference` for one that was not
    /// examined.
    pub fn of(&self, relation: Oid) -> &Belonging {
        self.tables.get(&relation).unwrap_or(&Belonging::Reference)
    }

    /// `true` if the rows of a relation belong to tenants.
    pub fn is_tenants(&self, relation: Oid) -> bool {
        self.of(relation).is_tenants()
    }

    /// Returns the column that names the tenant in the rows of a relation.
    pub fn key(&self, relation: Oid) -> Option<i16> {
        self.of(relation).key()
    }

    /// Returns the relations with rows that belong to tenants.
    pub fn tenants_relations(&self) -> impl Iterator<Item = Oid> {
        let tables = self.tables.iter();
        tables
            .filter(|(_, how)| how.is_tenants())
            .map(|(oid, _)| *oid)
    }

    /// Returns the membership table with that OID, if it is one.
    pub fn membership(&self, relation: Oid) -> Option<&MembershipTable> {
        let mut memberships = self.memberships.iter();
        memberships.find(|membership| membership.relation == relation)
    }

    /// Returns an SQL expression for the tenant of the row called `alias` of that relation: a
    /// column, or a chain of scalar subqueries through the parents.
    pub fn tenant_of_row(&self, catalog: &Catalog, relation: Oid, alias: &str) -> Option<String> {
        let wording = Wording {
            key: |name, _| name,
            equals: |_| "=".to_owned(),
        };
        self.tenant_of_row_at(catalog, relation, (alias, 0), &wording)
    }

    /// Returns the same expression as text and with schema-qualified names, for the audit's own
    /// statements.
    pub fn tenant_text_of_row(
        &self,
        catalog: &Catalog,
        relation: Oid,
        alias: &str,
    ) -> Option<String> {
        let wording = Wording {
            key: |name, key| spelling::text(&name, key.base_type),
            equals: |column| spelling::operator_of("=", &column.type_kind, &column.type_name),
        };
        self.tenant_of_row_at(catalog, relation, (alias, 0), &wording)
    }

    fn tenant_of_row_at(
        &self,
        catalog: &Catalog,
        relation: Oid,
        (alias, depth): (&str, usize),
        wording: &Wording,
    ) -> Option<String> {
        let column = |relation, number| Some(identifier(&catalog.column(relation, number)?.name));
        match self.of(relation) {
            Belonging::Root(key) | Belonging::Keyed(key) => {
                let name = format!("{alias}.{}", column(relation, *key)?);
                Some((wording.key)(name, catalog.column(relation, *key)?))
            }
            Belonging::Child(link) => {
                let inner = format!("p{depth}");
                let place = (inner.as_str(), depth + 1);
                let tenant = self.tenant_of_row_at(catalog, link.parent, place, wording)?;
                let parent = catalog.relations.get(&link.parent)?.quoted();
                let matches: Option<Vec<String>> = link
                    .parent_columns
                    .iter()
                    .zip(&link.columns)
                    .map(|(there, here)| {
                        let equals = (wording.equals)(catalog.column(link.parent, *there)?);
                        let there = column(link.parent, *there)?;
                        Some(format!(
                            "{inner}.{there} {equals} {alias}.{}",
                            column(relation, *here)?
                        ))
                    })
                    .collect();
                let matches = matches?.join(" AND ");
                Some(format!(
                    "(SELECT {tenant} FROM {parent} {inner} WHERE {matches})"
                ))
            }
            Belonging::Global | Belonging::Reference => None,
        }
    }

    fn assign_keys(&mut self, catalog: &Catalog, key: &Key, looked_at: &BTreeSet<Oid>) {
        if let Some((root, column)) = key.root
            && looked_at.contains(&root)
        {
            self.tables.insert(root, Belonging::Root(column));
        }
        for relation in looked_at {
            let known = &catalog.relations[relation];
            if self.tables.contains_key(relation) || is_view(known.kind) {
                continue;
            }
            let column = catalog
                .column_named(*relation, &key.name)
                .map(|column| column.number)
                .or_else(|| reference_to(catalog, *relation, key.root?));
            if let Some(column) = column {
                self.tables.insert(*relation, Belonging::Keyed(column));
            }
        }
    }

    /// Finds the membership tables: keyed tables with a column for a user and either a telling name
    /// or a key over both columns.
    fn find_memberships(&mut self, catalog: &Catalog) {
        for (relation, belonging) in &self.tables {
            let Belonging::Keyed(tenant) = belonging else {
                continue;
            };
            let columns = catalog.columns_of(*relation).iter();
            let mut persons = columns.filter(|column| {
                column.number != *tenant
                    && (names::is_user_column(&column.name)
                        || refers_to_users(catalog, *relation, column.number))
            });
            let Some(user) = persons.next().map(|column| column.number) else {
                continue;
            };
            let pair = BTreeSet::from([*tenant, user]);
            let by_key = catalog.indexes_of(*relation).iter().any(|index| {
                index.unique && index.keys.iter().copied().collect::<BTreeSet<_>>() == pair
            });
            let by_name = names::is_membership_table(&catalog.relations[relation].name);
            if by_key || by_name {
                let users = single_references(catalog, *relation)
                    .find(|(here, _, _)| *here == user)
                    .map(|(_, users, _)| users);
                self.memberships.push(MembershipTable {
                    relation: *relation,
                    tenant: *tenant,
                    user,
                    users,
                });
            }
        }
    }

    /// Marks as global the tables of users that memberships refer to, and tables that refer only to
    /// a user.
    fn assign_users(&mut self, catalog: &Catalog, looked_at: &BTreeSet<Oid>) {
        let by_membership: BTreeSet<Oid> = self
            .memberships
            .iter()
            .filter_map(|one| one.users)
            .collect();
        for relation in looked_at {
            let known = &catalog.relations[relation];
            if !known.is_table() || by_membership.contains(relation) {
                continue;
            }
            if names::is_user_table(&known.name) && !self.tables.contains_key(relation) {
                self.tables.insert(*relation, Belonging::Global);
            }
        }
        for users in by_membership {
            let keyed_by_name = self
                .key_name
                .as_ref()
                .is_some_and(|name| catalog.column_named(users, name).is_some());
            if !keyed_by_name && self.root.is_none_or(|(root, _)| root != users) {
                self.tables.insert(users, Belonging::Global);
            }
        }
    }

    /// Assigns tables that refer to a row of a tenant to that tenant, starting with the nearest
    /// parent. A partition belongs to tenants in the same way as its parent.
    fn assign_children(&mut self, catalog: &Catalog, looked_at: &BTreeSet<Oid>) {
        loop {
            let mut found = Vec::new();
            for relation in looked_at {
                let known = &catalog.relations[relation];
                if !known.is_table() || self.tables.contains_key(relation) {
                    continue;
                }
                if let Some(link) = self.parent(catalog, *relation) {
                    found.push((*relation, Belonging::Child(link)));
                } else if let Some(Belonging::Global) = self.users_parent(catalog, *relation) {
                    found.push((*relation, Belonging::Global));
                }
            }
            if found.is_empty() {
                return;
            }
            self.tables.extend(found);
        }
    }

    /// Returns the foreign key that most likely leads to the owner of the row: NOT NULL before
    /// nullable, then ON DELETE CASCADE before other actions.
    fn parent(&self, catalog: &Catalog, relation: Oid) -> Option<Link> {
        let leads = |constraint: &&Constraint| {
            constraint.target != relation
                && self
                    .tables
                    .get(&constraint.target)
                    .is_some_and(Belonging::is_tenants)
        };
        catalog
            .foreign_keys(relation)
            .filter(leads)
            .min_by_key(|constraint| {
                let nullable = constraint.columns.iter().any(|number| {
                    catalog
                        .column(relation, *number)
                        .is_none_or(|column| !column.not_null)
                });
                (
                    nullable,
                    constraint.on_delete != "c",
                    constraint.columns.clone(),
                )
            })
            .map(|constraint| Link {
                constraint: constraint.name.clone(),
                columns: constraint.columns.clone(),
                parent: constraint.target,
                parent_columns: constraint.target_columns.clone(),
            })
    }

    fn users_parent(&self, catalog: &Catalog, relation: Oid) -> Option<Belonging> {
        let mut targets = catalog
            .foreign_keys(relation)
            .map(|constraint| constraint.target);
        let is_global = |target: &Oid| self.tables.get(target) == Some(&Belonging::Global);
        targets
            .any(|target| is_global(&target))
            .then_some(Belonging::Global)
    }

    /// Assigns views with a column named like the key that read a tenant table.
    fn assign_views(&mut self, catalog: &Catalog, key: &str, looked_at: &BTreeSet<Oid>) {
        // A view may read a view that comes later in the order: repeat until no view is added.
        loop {
            let mut found = Vec::new();
            for relation in looked_at {
                let known = &catalog.relations[relation];
                if !is_view(known.kind) || self.tables.contains_key(relation) {
                    continue;
                }
                let reads_tenants = known.kind == RelationKind::Foreign
                    || catalog.view_rule(*relation).is_some_and(|rule| {
                        rule.reads
                            .iter()
                            .any(|read| self.tables.get(read).is_some_and(Belonging::is_tenants))
                    });
                if !reads_tenants {
                    continue;
                }
                if let Some(column) = self.view_key(catalog, *relation, key) {
                    found.push((*relation, Belonging::Keyed(column)));
                }
            }
            if found.is_empty() {
                return;
            }
            self.tables.extend(found);
        }
    }

    /// Returns the column named like the key. If the view reads only the table of tenants, its
    /// primary key counts too.
    fn view_key(&self, catalog: &Catalog, view: Oid, key: &str) -> Option<i16> {
        if let Some(column) = catalog.column_named(view, key) {
            return Some(column.number);
        }
        let (root, root_key) = self.root?;
        let rule = catalog.view_rule(view)?;
        let tenants = rule.reads.iter().filter(|read| self.is_tenants(**read));
        if tenants.copied().eq([root]) {
            let name = &catalog.column(root, root_key)?.name;
            return catalog.column_named(view, name).map(|column| column.number);
        }
        None
    }
}

/// `true` if a relation is read through a definition and takes its tenant from the relations it
/// reads.
fn is_view(kind: RelationKind) -> bool {
    matches!(
        kind,
        RelationKind::View | RelationKind::MaterializedView | RelationKind::Foreign
    )
}

fn key_type(catalog: &Catalog, key: &Key, looked_at: &BTreeSet<Oid>) -> Option<(Oid, String)> {
    let of_root = key
        .root
        .and_then(|(root, column)| catalog.column(root, column));
    let of_tables = || {
        let mut relations = looked_at.iter();
        relations.find_map(|relation| catalog.column_named(*relation, &key.name))
    };
    let column = of_root.or_else(of_tables)?;
    Some((column.base_type, column.type_name.clone()))
}

/// Returns the column of the only foreign key to the table of tenants, or of the only one that is
/// NOT NULL.
fn reference_to(catalog: &Catalog, relation: Oid, (root, key): (Oid, i16)) -> Option<i16> {
    let references: Vec<i16> = single_references(catalog, relation)
        .filter(|(_, target, there)| (*target, *there) == (root, key))
        .map(|(here, _, _)| here)
        .collect();
    let required: Vec<i16> = references
        .iter()
        .copied()
        .filter(|here| {
            catalog
                .column(relation, *here)
                .is_some_and(|column| column.not_null)
        })
        .collect();
    match (references.as_slice(), required.as_slice()) {
        (_, [only]) | ([only], []) => Some(*only),
        _ => None,
    }
}

/// Returns the foreign keys of one column: the column, the referenced table and its column.
pub(super) fn single_references(
    catalog: &Catalog,
    relation: Oid,
) -> impl Iterator<Item = (i16, Oid, i16)> {
    catalog.foreign_keys(relation).filter_map(|constraint| {
        match (
            constraint.columns.as_slice(),
            constraint.target_columns.as_slice(),
        ) {
            ([here], [there]) => Some((*here, constraint.target, *there)),
            _ => None,
        }
    })
}

fn refers_to_users(catalog: &Catalog, relation: Oid, column: i16) -> bool {
    single_references(catalog, relation).any(|(here, target, _)| {
        here == column
            && catalog
                .relations
                .get(&target)
                .is_some_and(|users| names::is_user_table(&users.name))
    })
}

/// `true` if a foreign key can refer to the constraint: a primary key or a unique constraint.
pub(super) fn is_key(constraint: &Constraint) -> bool {
    matches!(
        constraint.kind,
        ConstraintKind::Primary | ConstraintKind::Unique
    )
}
