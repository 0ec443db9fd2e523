//! Roles with privileges on tenant tables that are assumed not to belong to the application. The
//! report lists them because the assumption can be wrong; the operator can specify them.

use super::app_roles::{ADMINISTRATORS, AppRole, AppRoles, LeftOut};
use crate::audit::catalog::{Catalog, Oid, Relation, Role};

/// Returns the role of the audit if it has privileges of its own, only reads, and the application
/// uses another role.
pub(super) fn auditor(
    catalog: &Catalog,
    relations: &[&Relation],
    roles: &[AppRole],
) -> Option<LeftOut> {
    let auditor = catalog.auditor();
    let is_one = roles.iter().any(|role| role.oid == auditor.oid);
    let others_write = roles
        .iter()
        .any(|role| role.oid != auditor.oid && writes(catalog, relations, role.oid));
    let only_reads = !writes(catalog, relations, auditor.oid);
    (is_one && !owns(catalog, relations, auditor) && others_write && only_reads).then(|| {
        LeftOut::new(
            auditor,
            "the audit connected as it, and it only reads: assumed to be the auditor's own role",
        )
    })
}

fn writes(catalog: &Catalog, relations: &[&Relation], role: Oid) -> bool {
    relations.iter().any(|relation| {
        let rights = catalog.rights.on_relation_or_columns(role, relation.oid);
        rights.insert || rights.update || rights.delete
    })
}

/// Returns all login roles that can reach rows of tenants regardless of policies and do not belong
/// to the application, and roles excluded for another reason.
pub(super) fn all(
    catalog: &Catalog,
    relations: &[&Relation],
    app_roles: &AppRoles,
    auditor: Option<LeftOut>,
) -> Vec<LeftOut> {
    let mut found: Vec<LeftOut> = auditor.into_iter().collect();
    for role in catalog.roles.values() {
        let taken = app_roles.contains(role.oid)
            || role.oid == catalog.probe_role && catalog.probe_role != catalog.server.role
            || found.iter().any(|one| one.oid == role.oid);
        if taken || ADMINISTRATORS.contains(&role.name.as_str()) {
            continue;
        }
        let why = if app_roles.readers_of_all.contains(&role.oid) {
            "it only reads, through policies for it alone: assumed to be for backups or reports"
        } else if !role.login {
            continue;
        } else if role.superuser {
            "assumed to be an administrator (SUPERUSER)"
        } else if role.bypass_rls {
            "assumed to be an administrator (BYPASSRLS)"
        } else if owns(catalog, relations, role) {
            "it has the privileges of an owner of tenant tables: assumed to run migrations only"
        } else {
            continue;
        };
        if !reaches(catalog, relations, role) {
            continue;
        }
        found.push(LeftOut::new(role, why));
    }
    found
}

fn owns(catalog: &Catalog, relations: &[&Relation], role: &Role) -> bool {
    let mut relations = relations.iter();
    relations.any(|relation| catalog.rights.acts_as(role.oid, relation.owner))
}

fn reaches(catalog: &Catalog, relations: &[&Relation], role: &Role) -> bool {
    let rights = &catalog.rights;
    relations.iter().any(|relation| {
        rights.uses_schema(role.oid, &relation.schema)
            && rights
                .on_relation_or_columns(role.oid, relation.oid)
                .any_of_rows()
    })
}

impl LeftOut {
    fn new(role: &Role, why: &str) -> Self {
        Self {
            oid: role.oid,
            name: role.name.clone(),
            why: why.to_owned(),
        }
    }
}
