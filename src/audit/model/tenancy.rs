//! The way each table belongs to tenants.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    candidates::{self, Key},
    names,
    overrides::Overrides,
};
use crate::{
    audit::{
        catalog::{Catalog, Column, Constraint, ConstraintKind, Oid, RelationKind},
        spelling,
    },
    domain::audit::Scope,
    error::Result,
    quoting::identifier,
};

/// The way an expression over rows of parents is written.
struct Wording {
    /// The key of the tenant.
    key: fn(String, &Column) -> String,
    /// The operator that compares with that column.
    equals: fn(&Column) -> String,
}

/// What was inferred about the tenants of a database, or told.
#[derive(Clone, Debug, Default)]
pub struct Tenancy {
    /// The table of tenants, and the column that the keys refer to.
    pub root: Option<(Oid, i16)>,
    /// The name that the key has in most tables.
    pub key_name: Option<String>,
    /// The type of the key, below domains, and its name.
    pub key_type: Option<(Oid, String)>,
    /// `true` if root or key were told.
    pub told: bool,
    /// Every table, view and foreign table that was looked at.
    pub tables: BTreeMap<Oid, Belonging>,
    /// The tables that say who belongs to which tenant.
    pub memberships: Vec<MembershipTable>,
}

/// The way the rows of a relation belong to tenants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Belonging {
    /// The table of tenants: this column is the key.
    Root(i16),
    /// This column names the tenant.
    Keyed(i16),
    /// The parent's row does.
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

/// A table that says which user belongs to which tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MembershipTable {
    pub relation: Oid,
    pub tenant: i16,
    pub user: i16,
    /// The table of users, where a foreign key says so.
    pub users: Option<Oid>,
}

impl Belonging {
    /// For the report.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Root(_) => Scope::Root,
            Self::Keyed(_) => Scope::Keyed,
            Self::Child(_) => Scope::Child,
            Self::Global => Scope::Global,
            Self::Reference => Scope::Reference,
        }
    }

    /// `true` if its rows are some tenant's.
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
    /// Infers it. `compared` holds, by table, the columns that its policies compare with the
    /// session: nothing tells the tenant key better.
    ///
    /// # Errors
    /// `NotFound` when a table or column of `overrides` does not exist.
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
            told: key.told,
            ..Self::default()
        };
        tenancy.assign_keys(catalog, &key, &looked_at);
        tenancy.find_memberships(catalog);
        tenancy.assign_users(catalog, &looked_at);
        tenancy.assign_children(catalog, &looked_at);
        tenancy.assign_views(catalog, &key.name, &looked_at);
        for (relation, told) in overrides.told_tables(catalog)? {
            tenancy.tables.insert(relation, told);
        }
        for relation in looked_at {
            tenancy
                .tables
                .entry(relation)
                .or_insert(Belonging::Reference);
        }
        Ok(tenancy)
    }

    /// The way a relation belongs to tenants; `Reference` for one that was not looked at.
    pub fn of(&self, relation: Oid) -> &Belonging {
        self.tables.get(&relation).unwrap_or(&Belonging::Reference)
    }

    /// `true` if the rows of a relation are some tenant's.
    pub fn is_tenants(&self, relation: Oid) -> bool {
        self.of(relation).is_tenants()
    }

    /// The column that names the tenant in the rows of a relation.
    pub fn key(&self, relation: Oid) -> Option<i16> {
        self.of(relation).key()
    }

    /// The relations whose rows are some tenant's.
    pub fn tenants_relations(&self) -> impl Iterator<Item = Oid> {
        let tables = self.tables.iter();
        tables
            .filter(|(_, how)| how.is_tenants())
            .map(|(oid, _)| *oid)
    }

    /// The membership table, where the relation is one.
    pub fn membership(&self, relation: Oid) -> Option<&MembershipTable> {
        let mut memberships = self.memberships.iter();
        memberships.find(|membership| membership.relation == relation)
    }

    /// An SQL expression for the tenant of the row called `alias` of that relation: a column, or
    /// a chain of scalar sub-selects through the parents.
    pub fn tenant_of_row(&self, catalog: &Catalog, relation: Oid, alias: &str) -> Option<String> {
        let wording = Wording {
            key: |name, _| name,
            equals: |_| "=".to_owned(),
        };
        self.tenant_of_row_at(catalog, relation, (alias, 0), &wording)
    }

    /// The same as text, and with names that no search path decides about: for the audit's own
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

    /// A keyed table with a column for a person, and either a name that says so or a key over
    /// both.
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

    /// The tables that memberships call users, and what hangs on a user alone, belong to no one
    /// tenant.
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

    /// Whatever refers to a tenant's row belongs to that tenant; the nearest parent first, and
    /// a partition as its parent does.
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

    /// The foreign key that most surely leads to the owner of the row: one that cannot be NULL
    /// before one that can, one that is deleted together before one that is not.
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

    /// A view belongs to tenants where a column of the key's name comes out of a tenant's table.
    fn assign_views(&mut self, catalog: &Catalog, key: &str, looked_at: &BTreeSet<Oid>) {
        // A view may read a view that comes later in the order: repeat until nothing is added.
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

    /// The column called like the key; in a view of the root alone also the root's own key.
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

/// A relation that is read through a definition takes its tenant from the relations it reads.
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

/// The column of the only foreign key to the root, or of the only one that cannot be NULL.
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

/// The foreign keys of one column: column here, table there, column there.
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

/// `true` if a constraint can be referred to: a primary or a unique key.
pub(super) fn is_key(constraint: &Constraint) -> bool {
    matches!(
        constraint.kind,
        ConstraintKind::Primary | ConstraintKind::Unique
    )
}
