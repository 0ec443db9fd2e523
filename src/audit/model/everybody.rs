//! A role that stands for everybody, where PUBLIC has rights on tenants' tables and no role has
//! any of its own. An attack has to be made as somebody, and must not get through by a right that
//! only that somebody has.

use std::collections::BTreeSet;

use crate::audit::catalog::{Catalog, GrantClass, Oid, Relation, Role};

/// Predefined roles with rights that no access list of a database shows.
const REACH_THE_SERVER: &[&str] = &[
    "pg_database_owner",
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
];

/// What PUBLIC has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Everybody<'c> {
    /// There is no tenant table that it has no rights on.
    pub(super) reaches_all: bool,
    /// A role with PUBLIC's rights and no others.
    pub(super) stand_in: Option<&'c Role>,
}

/// None where PUBLIC has no rights on tenants' rows.
pub(super) fn find<'c>(catalog: &'c Catalog, relations: &[&Relation]) -> Option<Everybody<'c>> {
    let reaches = |relation: &&&Relation| {
        let mut schemas = catalog.schemas.values();
        let schema = schemas.find(|schema| schema.name == relation.schema);
        let used = schema.is_some_and(|schema| {
            let rights = &catalog.rights;
            rights.public_holds(GrantClass::Schema, schema.oid, "USAGE")
        });
        let rights = catalog
            .rights
            .on_relation_or_columns(Oid::PUBLIC, relation.oid);
        used && rights.any_of_rows()
    };
    if !relations.iter().any(|one| reaches(&one)) {
        return None;
    }
    let mut tables = relations
        .iter()
        .filter(|one| one.is_table() && !one.partition);
    Some(Everybody {
        reaches_all: tables.all(|one| reaches(&one)),
        stand_in: stand_in(catalog),
    })
}

/// Who audits, if it has nothing more, as that needs no right to become somebody else; else who
/// is known in this database and may log in; at last a predefined role, for want of another.
fn stand_in(catalog: &Catalog) -> Option<&Role> {
    let privileged = catalog.rights.beyond_public();
    let known: BTreeSet<Oid> = catalog.grants.iter().map(|grant| grant.grantee).collect();
    let has_no_more = |role: &&Role| {
        !role.above_rls()
            && !role.create_role
            && !role.replication
            && !REACH_THE_SERVER.contains(&role.name.as_str())
            && catalog
                .rights
                .reachable(role.oid)
                .all(|one| !privileged.contains(&one))
    };
    let candidates = catalog.roles.values().filter(has_no_more);
    candidates.min_by_key(|role| {
        (
            role.oid != catalog.attacker,
            role.predefined(),
            !known.contains(&role.oid),
            !role.login,
            role.name.as_str(),
        )
    })
}
