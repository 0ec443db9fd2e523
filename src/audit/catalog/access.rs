//! Who may do what: grants with the inheritance of roles resolved (PostgreSQL manual, 5.7, 22.3).

use std::collections::{BTreeMap, BTreeSet};

use super::{Function, Grant, GrantClass, Membership, Oid, Relation, Role, Schema};

/// The rights of every role.
#[derive(Clone, Debug)]
pub struct Rights {
    /// Role → the roles whose rights it has without doing anything, itself included.
    inherited: BTreeMap<Oid, BTreeSet<Oid>>,
    /// Role → the roles that it may switch to, itself included.
    reachable: BTreeMap<Oid, BTreeSet<Oid>>,
    superusers: BTreeSet<Oid>,
    read_all: Option<Oid>,
    write_all: Option<Oid>,
    /// Object → grantee → what is granted; columns have their number.
    grants: BTreeMap<(GrantClass, Oid, i16), BTreeMap<Oid, BTreeSet<String>>>,
    /// Relation → columns with grants of their own.
    column_grants: BTreeMap<Oid, BTreeSet<i16>>,
    owners: BTreeMap<(GrantClass, Oid), Oid>,
    schemas: BTreeMap<String, Oid>,
}

/// What a role may do with a relation.
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
    /// Whether rows can be seen or changed at all.
    pub fn any_of_rows(self) -> bool {
        self.select || self.insert || self.update || self.delete
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
        let mut by_object: BTreeMap<_, BTreeMap<Oid, BTreeSet<String>>> = BTreeMap::new();
        let mut column_grants: BTreeMap<Oid, BTreeSet<i16>> = BTreeMap::new();
        for grant in grants {
            let key = (grant.class, grant.object, grant.column);
            let grantees = by_object.entry(key).or_default();
            let granted = grantees.entry(grant.grantee).or_default();
            granted.extend(grant.privileges.iter().cloned());
            if grant.class == GrantClass::Column {
                column_grants
                    .entry(grant.object)
                    .or_default()
                    .insert(grant.column);
            }
        }
        let mut owners = BTreeMap::new();
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

    /// The roles whose rights `role` has without switching, itself included.
    pub fn inherited(&self, role: Oid) -> impl Iterator<Item = Oid> {
        self.inherited.get(&role).into_iter().flatten().copied()
    }

    /// The roles that `role` may become, itself included; a superuser may become every role,
    /// which this does not list.
    pub fn reachable(&self, role: Oid) -> impl Iterator<Item = Oid> {
        self.reachable.get(&role).into_iter().flatten().copied()
    }

    /// Whether `role` may `SET ROLE` to `other`.
    pub fn may_become(&self, role: Oid, other: Oid) -> bool {
        self.superusers.contains(&role) || self.reachable(role).any(|one| one == other)
    }

    /// Whether `role` has the rights of `owner` without switching: then row-level security that
    /// is not forced does not apply to it on that owner's tables.
    pub fn acts_as(&self, role: Oid, owner: Oid) -> bool {
        self.superusers.contains(&role) || self.inherited(role).any(|one| one == owner)
    }

    /// What `role` may do with the whole of a relation, schema rights left aside.
    pub fn on_relation(&self, role: Oid, relation: Oid) -> Privileges {
        let may = |privilege| self.holds(role, GrantClass::Relation, relation, 0, privilege);
        let predefined = |group: Option<Oid>| {
            group.is_some_and(|group| self.inherited(role).any(|one| one == group))
        };
        let write_all = predefined(self.write_all);
        Privileges {
            select: may("SELECT") || predefined(self.read_all),
            insert: may("INSERT") || write_all,
            update: may("UPDATE") || write_all,
            delete: may("DELETE") || write_all,
            truncate: may("TRUNCATE"),
            references: may("REFERENCES"),
            trigger: may("TRIGGER"),
        }
    }

    /// Like [`Rights::on_relation`], with rights on single columns counted too.
    pub fn on_relation_or_columns(&self, role: Oid, relation: Oid) -> Privileges {
        let whole = self.on_relation(role, relation);
        let columns = self.column_grants.get(&relation);
        let on_some = |privilege| {
            let mut columns = columns.into_iter().flatten();
            columns.any(|column| self.holds(role, GrantClass::Column, relation, *column, privilege))
        };
        Privileges {
            select: whole.select || on_some("SELECT"),
            insert: whole.insert || on_some("INSERT"),
            update: whole.update || on_some("UPDATE"),
            references: whole.references || on_some("REFERENCES"),
            ..whole
        }
    }

    /// Whether `role` may read, insert or update one column (`SELECT`, `INSERT`, `UPDATE`).
    pub fn on_column(&self, role: Oid, relation: Oid, column: i16, privilege: &str) -> bool {
        let predefined = match privilege {
            "SELECT" => self.read_all,
            "INSERT" | "UPDATE" => self.write_all,
            _ => None,
        };
        self.holds(role, GrantClass::Relation, relation, 0, privilege)
            || predefined.is_some_and(|group| self.inherited(role).any(|one| one == group))
            || self.holds(role, GrantClass::Column, relation, column, privilege)
    }

    /// Whether `role` may use a schema.
    pub fn uses_schema(&self, role: Oid, schema: &str) -> bool {
        let predefined = [self.read_all, self.write_all];
        self.schemas
            .get(schema)
            .is_some_and(|schema| self.holds(role, GrantClass::Schema, *schema, 0, "USAGE"))
            || self
                .inherited(role)
                .any(|one| predefined.contains(&Some(one)))
    }

    /// Whether `role` may create objects in a schema.
    pub fn creates_in_schema(&self, role: Oid, schema: Oid) -> bool {
        self.holds(role, GrantClass::Schema, schema, 0, "CREATE")
    }

    /// Whether `role` may call a function.
    pub fn executes(&self, role: Oid, function: Oid) -> bool {
        self.holds(role, GrantClass::Function, function, 0, "EXECUTE")
    }

    /// Whether everybody has that right.
    pub fn public_holds(&self, class: GrantClass, object: Oid, privilege: &str) -> bool {
        self.granted(class, object, 0, Oid::PUBLIC, privilege)
    }

    /// The roles that hold a right which PUBLIC does not, or own something.
    pub fn beyond_public(&self) -> BTreeSet<Oid> {
        let mut found: BTreeSet<Oid> = self.superusers.clone();
        found.extend(self.owners.values());
        found.extend(self.read_all.iter().chain(&self.write_all));
        for (key, grantees) in &self.grants {
            let of_table = (GrantClass::Relation, key.1, 0);
            let public = |one: &String| {
                let given = |key| self.grants.get(&key)?.get(&Oid::PUBLIC);
                let on_table = (key.0 == GrantClass::Column).then_some(of_table);
                let mut keys = [Some(*key), on_table].into_iter().flatten();
                keys.any(|key| given(key).is_some_and(|all| all.contains(one)))
            };
            let beyond = grantees.iter().filter(|(_, all)| !all.iter().all(public));
            found.extend(beyond.map(|(grantee, _)| *grantee));
        }
        found
    }

    /// Whether a role has rights on any column or the whole of it by a grant to itself.
    pub fn direct_grantees(&self, relation: Oid) -> BTreeSet<Oid> {
        let columns = self.column_grants.get(&relation).into_iter().flatten();
        let keys = columns.map(|column| (GrantClass::Column, relation, *column));
        let keys = keys.chain([(GrantClass::Relation, relation, 0)]);
        keys.filter_map(|key| self.grants.get(&key))
            .flat_map(BTreeMap::keys)
            .copied()
            .collect()
    }

    fn holds(&self, role: Oid, class: GrantClass, object: Oid, column: i16, wanted: &str) -> bool {
        if self.superusers.contains(&role) {
            return true;
        }
        let owner_class = match class {
            GrantClass::Column => GrantClass::Relation,
            other => other,
        };
        let owner = self.owners.get(&(owner_class, object));
        owner.is_some_and(|owner| self.acts_as(role, *owner))
            || self.granted(class, object, column, Oid::PUBLIC, wanted)
            || self
                .inherited(role)
                .any(|one| self.granted(class, object, column, one, wanted))
    }

    fn granted(
        &self,
        class: GrantClass,
        object: Oid,
        column: i16,
        grantee: Oid,
        wanted: &str,
    ) -> bool {
        let grantees = self.grants.get(&(class, object, column));
        grantees
            .and_then(|grantees| grantees.get(&grantee))
            .is_some_and(|granted| granted.contains(wanted))
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
