//! Role that stands for PUBLIC, if PUBLIC has privileges on tenant tables and no role has any of
//! its own. Probes run as that role, so it must not have privileges that PUBLIC does not have.

use std::collections::BTreeSet;

use crate::audit::catalog::{Catalog, GrantClass, Oid, Relation, Role};

/// Predefined roles with privileges that are not in any access control list of a database.
const REACH_THE_SERVER: &[&str] = &[
    "pg_database_owner",
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
];

/// Privileges of PUBLIC on tenant tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicPrivileges<'c> {
    /// `true` if it has privileges on every tenant table.
    pub(super) reaches_all: bool,
    /// A role with PUBLIC's privileges and no others.
    pub(super) equivalent_role: Option<&'c Role>,
}

/// Finds the privileges of PUBLIC; `None` if it has none on rows of tenants.
pub(super) fn find<'c>(
    catalog: &'c Catalog,
    relations: &[&Relation],
) -> Option<PublicPrivileges<'c>> {
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
    Some(PublicPrivileges {
        reaches_all: tables.all(|one| reaches(&one)),
        equivalent_role: equivalent_role(catalog),
    })
}

/// Returns the role of the audit if it has no further privileges, because that needs no SET ROLE;
/// otherwise a role with grants in this database that may log in; otherwise a predefined role.
fn equivalent_role(catalog: &Catalog) -> Option<&Role> {
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
            role.oid != catalog.probe_role,
            role.predefined(),
            !known.contains(&role.oid),
            !role.login,
            role.name.as_str(),
        )
    })
}
