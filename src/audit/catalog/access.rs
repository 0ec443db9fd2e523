//! Privileges of roles: grants with role membership resolved (PostgreSQL manual, 5.7, 22.3).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Function, Grant, GrantClass, Membership, Oid, Relation, Role, Schema};

/// Privileges of every role.
#[derive(Clone, Debug)]
pub struct Rights {
    /// Role → the roles with privileges that it inherits, itself included.
    inherited: BTreeMap<Oid, BTreeSet<Oid>>,
    /// Role → the roles that it may SET ROLE to, itself included.
    reachable: BTreeMap<Oid, BTreeSet<Oid>>,
    superusers: BTreeSet<Oid>,
    read_all: Option<Oid>,
    write_all: Option<Oid>,
    /// Object → grantees and their privileges; columns have their number.
    grants: HashMap<(GrantClass, Oid, i16), Vec<(Oid, Bits)>>,
    /// Relation → columns with column privileges.
    column_grants: HashMap<Oid, BTreeSet<i16>>,
    owners: HashMap<(GrantClass, Oid), Oid>,
    schemas: BTreeMap<String, Oid>,
}

/// Set of privileges, one bit each: every check tests them on every table.
type Bits = u16;

/// All privileges: those of an owner or a superuser.
const ALL: Bits = Bits::MAX;

/// Returns the bit of a privilege; 0 for one that no check needs.
fn bit(privilege: &str) -> Bits {
    match privilege {
        "SELECT" => 1,
        "INSERT" => 1 << 1,
        "UPDATE" => 1 << 2,
        "DELETE" => 1 << 3,
        "TRUNCATE" => 1 << 4,
        "REFERENCES" => 1 << 5,
        "TRIGGER" => 1 << 6,
        "USAGE" => 1 << 7,
        "CREATE" => 1 << 8,
        "EXECUTE" => 1 << 9,
        _ => 0,
    }
}

/// Privileges of a role on a relation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Privileges {
    pub select: bool,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
    pub truncate: bool,
    pub references: bool,
    pub trigger: bool,
}

impl Privileges {
    /// `true` if any row can be read or changed.
    pub fn any_of_rows(self) -> bool {
        self.select || self.insert || self.update || self.delete
    }

    fn of(bits: Bits) -> Self {
        let may = |privilege| bits & bit(privilege) != 0;
        Self {
            select: may("SELECT"),
            insert: may("INSERT"),
            update: may("UPDATE"),
            delete: may("DELETE"),
            truncate: may("TRUNCATE"),
            references: may("REFERENCES"),
            trigger: may("TRIGGER"),
        }
    }
}

impl Rights {
    pub(super) fn new(
        roles: &BTreeMap<Oid, Role>,
        memberships: &[Membership],
        grants: &[Grant],
        relations: &BTreeMap<Oid, Relation>,
        schemas: &BTreeMap<Oid, Schema>,
        functions: &BTreeMap<Oid, Function>,
    ) -> Self {
        let closure = |follow: fn(&Membership) -> bool| -> BTreeMap<Oid, BTreeSet<Oid>> {
            let mut next: BTreeMap<Oid, Vec<Oid>> = BTreeMap::new();
            for membership in memberships.iter().filter(|one| follow(one)) {
                next.entry(membership.member)
                    .or_default()
                    .push(membership.role);
            }
            let reach = |role: &Oid| (*role, reached(*role, &next));
            roles.keys().map(reach).collect()
        };
        let named = |name: &str| roles.values().find(|role| role.name == name).map(|r| r.oid);
        let mut by_object: HashMap<_, Vec<(Oid, Bits)>> = HashMap::with_capacity(grants.len());
        let mut column_grants: HashMap<Oid, BTreeSet<i16>> = HashMap::new();
        for grant in grants {
            let key = (grant.class, grant.object, grant.column);
            let privileges = grant.privileges.iter();
            let bits = privileges.fold(0, |bits, privilege| bits | bit(privilege));
            by_object
                .entry(key)
                .or_default()
                .push((grant.grantee, bits));
            if grant.class == GrantClass::Column {
                column_grants
                    .entry(grant.object)
                    .or_default()
                    .insert(grant.column);
            }
        }
        let mut owners = HashMap::with_capacity(relations.len());
        owners.extend(
            relations
                .values()
                .map(|r| ((GrantClass::Relation, r.oid), r.owner)),
        );
        owners.extend(
            schemas
                .values()
                .map(|s| ((GrantClass::Schema, s.oid), s.owner)),
        );
        owners.extend(
            functions
                .values()
                .map(|f| ((GrantClass::Function, f.oid), f.owner)),
        );
        Self {
            inherited: closure(|membership| membership.inherit),
            reachable: closure(|membership| membership.set || membership.inherit),
            superusers: roles
                .values()
                .filter(|r| r.superuser)
                .map(|r| r.oid)
                .collect(),
            read_all: named("pg_read_all_data"),
            write_all: named("pg_write_all_data"),
            grants: by_object,
            column_grants,
            owners,
            schemas: schemas.values().map(|s| (s.name.clone(), s.oid)).collect(),
        }
    }

    /// Returns the roles with privileges that `role` inherits, itself included.
    pub fn inherited(&self, role: Oid) -> impl Iterator<Item = Oid> {
        self.inherited.get(&role).into_iter().flatten().copied()
    }

    /// Returns the roles that `role` may SET ROLE to, itself included. A superuser may become any
    /// role, which this does not list.
    pub fn reachable(&self, role: Oid) -> impl Iterator<Item = Oid> {
        self.reachable.get(&role).into_iter().flatten().copied()
    }

    /// `true` if `role` may `SET ROLE` to `other`.
    pub fn may_become(&self, role: Oid, other: Oid) -> bool {
        self.superusers.contains(&role) || self.reachable(role).any(|one| one == other)
    }

    /// `true` if `role` inherits the privileges of `owner`: row-level security then does not apply
    /// to it on that owner's tables unless it is forced.
    pub fn acts_as(&self, role: Oid, owner: Oid) -> bool {
        self.superusers.contains(&role) || self.inherits(role, owner)
    }

    /// Returns the privileges of `role` on the whole relation, regardless of its schema.
    pub fn on_relation(&self, role: Oid, relation: Oid) -> Privileges {
        Privileges::of(self.bits_on_relation(role, relation))
    }

    fn bits_on_relation(&self, role: Oid, relation: Oid) -> Bits {
        let predefined = |group: Option<Oid>, privileges: &[&str]| {
            let has = group.is_some_and(|group| self.inherits(role, group));
            let granted = privileges.iter().filter(|_| has);
            granted.fold(0, |bits, privilege| bits | bit(privilege))
        };
        self.held(role, GrantClass::Relation, relation, 0)
            | predefined(self.read_all, &["SELECT"])
            | predefined(self.write_all, &["INSERT", "UPDATE", "DELETE"])
    }

    /// Returns the same as [`Rights::on_relation`], and privileges on single columns too.
    pub fn on_relation_or_columns(&self, role: Oid, relation: Oid) -> Privileges {
        let columns = self.column_grants.get(&relation).into_iter().flatten();
        let on_columns = columns
            .map(|column| self.held(role, GrantClass::Column, relation, *column))
            .fold(0, |bits, more| bits | more);
        Privileges::of(self.bits_on_relation(role, relation) | on_columns)
    }

    /// `true` if `role` may read, insert or update one column (`SELECT`, `INSERT`, `UPDATE`).
    pub fn on_column(&self, role: Oid, relation: Oid, column: i16, privilege: &str) -> bool {
        let predefined = match privilege {
            "SELECT" => self.read_all,
            "INSERT" | "UPDATE" => self.write_all,
            _ => None,
        };
        self.holds(role, GrantClass::Relation, relation, 0, privilege)
            || predefined.is_some_and(|group| self.inherits(role, group))
            || self.holds(role, GrantClass::Column, relation, column, privilege)
    }

    /// `true` if `role` has USAGE on a schema.
    pub fn uses_schema(&self, role: Oid, schema: &str) -> bool {
        let predefined = [self.read_all, self.write_all];
        self.schemas
            .get(schema)
            .is_some_and(|schema| self.holds(role, GrantClass::Schema, *schema, 0, "USAGE"))
            || self
                .inherited(role)
                .any(|one| predefined.contains(&Some(one)))
    }

    /// `true` if `role` has CREATE on a schema.
    pub fn creates_in_schema(&self, role: Oid, schema: Oid) -> bool {
        self.holds(role, GrantClass::Schema, schema, 0, "CREATE")
    }

    /// `true` if `role` has EXECUTE on a function.
    pub fn executes(&self, role: Oid, function: Oid) -> bool {
        self.holds(role, GrantClass::Function, function, 0, "EXECUTE")
    }

    /// `true` if PUBLIC has that privilege.
    pub fn public_holds(&self, class: GrantClass, object: Oid, privilege: &str) -> bool {
        self.grantees(class, object, 0)
            .any(|(grantee, bits)| grantee == Oid::PUBLIC && bits & bit(privilege) != 0)
    }

    /// Returns the roles that have a privilege beyond PUBLIC, or own an object.
    pub fn beyond_public(&self) -> BTreeSet<Oid> {
        let mut found: BTreeSet<Oid> = self.superusers.clone();
        found.extend(self.owners.values());
        found.extend(self.read_all.iter().chain(&self.write_all));
        for (key, grantees) in &self.grants {
            let public = |key| {
                let given = self.grants.get(&key).into_iter().flatten();
                let given = given.filter(|(grantee, _)| *grantee == Oid::PUBLIC);
                given.fold(0, |all, (_, bits)| all | bits)
            };
            let of_public = public(*key)
                | match key.0 {
                    GrantClass::Column => public((GrantClass::Relation, key.1, 0)),
                    _ => 0,
                };
            let beyond = grantees.iter().filter(|(_, bits)| bits & !of_public != 0);
            found.extend(beyond.map(|(grantee, _)| *grantee));
        }
        found
    }

    /// Returns the roles with a direct grant on the relation or on one of its columns.
    pub fn direct_grantees(&self, relation: Oid) -> BTreeSet<Oid> {
        let columns = self.column_grants.get(&relation).into_iter().flatten();
        let on_columns =
            columns.flat_map(|column| self.grantees(GrantClass::Column, relation, *column));
        self.grantees(GrantClass::Relation, relation, 0)
            .chain(on_columns)
            .map(|(grantee, _)| grantee)
            .collect()
    }

    fn holds(&self, role: Oid, class: GrantClass, object: Oid, column: i16, wanted: &str) -> bool {
        self.held(role, class, object, column) & bit(wanted) != 0
    }

    /// Returns all privileges of a role on an object, except through predefined roles.
    fn held(&self, role: Oid, class: GrantClass, object: Oid, column: i16) -> Bits {
        let owner_class = match class {
            GrantClass::Column => GrantClass::Relation,
            other => other,
        };
        let owner = self.owners.get(&(owner_class, object));
        if self.superusers.contains(&role) || owner.is_some_and(|owner| self.inherits(role, *owner))
        {
            return ALL;
        }
        self.grantees(class, object, column)
            .filter(|(grantee, _)| *grantee == Oid::PUBLIC || self.inherits(role, *grantee))
            .fold(0, |bits, (_, more)| bits | more)
    }

    fn grantees(
        &self,
        class: GrantClass,
        object: Oid,
        column: i16,
    ) -> impl Iterator<Item = (Oid, Bits)> {
        let grantees = self.grants.get(&(class, object, column));
        grantees.into_iter().flatten().copied()
    }

    /// `true` if `role` is `other` or inherits its privileges.
    fn inherits(&self, role: Oid, other: Oid) -> bool {
        self.inherited
            .get(&role)
            .is_some_and(|roles| roles.contains(&other))
    }
}

fn reached(start: Oid, next: &BTreeMap<Oid, Vec<Oid>>) -> BTreeSet<Oid> {
    let mut seen = BTreeSet::from([start]);
    let mut waiting = vec![start];
    while let Some(role) = waiting.pop() {
        for further in next.get(&role).into_iter().flatten() {
            if seen.insert(*further) {
                waiting.push(*further);
            }
        }
    }
    seen
}
