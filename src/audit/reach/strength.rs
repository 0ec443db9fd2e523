//! Privileges of a session beyond those of the application: those of the role that it
//! *authenticated* as, and of every role that this role is a member of, because code may switch to
//! it.

use std::collections::BTreeSet;

use crate::audit::{
    catalog::{Catalog, Oid, Role},
    model::AppRoles,
};

/// Surplus of a session over the application, according to attributes and memberships.
pub(super) struct Strength {
    /// The roles that the session has and the application does not.
    pub(super) beyond: Vec<Oid>,
    /// The reason it has more privileges, if attributes or memberships give one.
    pub(super) why: Option<&'static str>,
}

type Attribute = fn(&Role) -> bool;

/// Attributes that are not inherited through membership but apply after SET ROLE (PostgreSQL
/// manual, 22.2).
const ATTRIBUTES: &[(Attribute, &str)] = &[
    (|role| role.superuser, "a superuser"),
    (|role| role.bypass_rls, "BYPASSRLS"),
    (|role| role.create_role, "CREATEROLE"),
    (|role| role.replication, "REPLICATION"),
    (|role| role.create_db, "CREATEDB"),
];

impl Strength {
    pub(super) fn of(catalog: &Catalog, app_roles: &AppRoles, session: Oid) -> Self {
        let own = memberships(catalog, [session]);
        let application = memberships(catalog, app_roles.roles.iter().map(|role| role.oid));
        let has = |roles: &BTreeSet<Oid>, attribute: Attribute| {
            let mut roles = roles.iter().filter_map(|oid| catalog.roles.get(oid));
            roles.any(attribute)
        };
        let more = ATTRIBUTES
            .iter()
            .find(|(attribute, _)| has(&own, *attribute) && !has(&application, *attribute));
        let beyond: Vec<Oid> = own.difference(&application).copied().collect();
        let member = beyond.iter().any(|role| *role != session);
        Self {
            why: more
                .map(|(_, name)| *name)
                .or(member.then_some("a member of roles that the application is not a member of")),
            beyond,
        }
    }
}

/// Returns those roles and every role that they are members of, directly or not, regardless of the
/// options: the right to grant a membership amounts to having it.
fn memberships(catalog: &Catalog, roles: impl IntoIterator<Item = Oid>) -> BTreeSet<Oid> {
    let mut found: BTreeSet<Oid> = roles.into_iter().collect();
    let mut waiting: Vec<Oid> = found.iter().copied().collect();
    while let Some(member) = waiting.pop() {
        let memberships = catalog.memberships.iter();
        let above = memberships.filter(|one| one.member == member);
        waiting.extend(above.map(|one| one.role).filter(|role| found.insert(*role)));
    }
    found
}

/// `true` if code of `owner` may run in the session: a superuser, or the role of the session
/// itself, can do everything that the session can anyway.
pub(super) fn is_trusted(catalog: &Catalog, session: Oid, owner: Oid) -> bool {
    let superuser = catalog.roles.get(&owner).is_some_and(|role| role.superuser);
    superuser || owner == session
}
