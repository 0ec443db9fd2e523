//! Roles of the application that may become a role that row-level security does not apply to
//! (PostgreSQL manual, 22.3 on membership, 22.5 on predefined roles).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::check;
use crate::{
    audit::{
        catalog::{Catalog, Oid},
        findings::{Findings, Rule},
        model::Model,
        report::{Check, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

/// Predefined roles with access to the server's files or programs, which allows everything else.
const AS_GOOD_AS_SUPERUSER: &[&str] = &[
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
];

/// First version in which CREATEROLE no longer lets a role grant itself almost every role except
/// superusers.
const CREATEROLE_IS_LIMITED: i32 = 160_000;

pub(super) const MAY_BECOME: Rule = Rule {
    check: check(
        "role-may-become",
        Severity::High,
        "the application's role may become one that policies do not apply to",
        include_str!("../../../../docs/audit/role-may-become.md"),
    ),
    run: may_become,
};

fn may_become(model: &Model, check: &Check, findings: &mut Findings) {
    let catalog = &model.catalog;
    let owners: BTreeSet<Oid> = model.tenant_tables().map(|table| table.owner).collect();
    let next = memberships(catalog);
    for actor in &model.app_roles.roles {
        let Some(role) = catalog.roles.get(&actor.oid) else {
            continue;
        };
        // These roles are reported by role-superuser, role-bypass-rls and rls-not-forced.
        if role.above_rls() || owners.contains(&role.oid) {
            continue;
        }
        let why = |oid| reason(catalog, &owners, oid);
        for path in paths(actor.oid, &next, |oid| why(oid).is_some()) {
            let Some(target) = path.last().copied() else {
                continue;
            };
            findings.push(by_membership(
                catalog,
                check,
                &path,
                why(target).unwrap_or_default(),
            ));
        }
        if role.create_role && catalog.server.version_number < CREATEROLE_IS_LIMITED {
            findings.push(by_createrole(check, &role.name));
        }
    }
}

/// Returns member → the roles that it may switch to, inherits from, or may grant itself.
fn memberships(catalog: &Catalog) -> BTreeMap<Oid, Vec<Oid>> {
    let mut next: BTreeMap<Oid, Vec<Oid>> = BTreeMap::new();
    for one in &catalog.memberships {
        if one.set || one.inherit || one.admin {
            next.entry(one.member).or_default().push(one.role);
        }
    }
    next
}

/// Returns the reason that the application must not become a role, if any.
fn reason(catalog: &Catalog, owners: &BTreeSet<Oid>, oid: Oid) -> Option<&'static str> {
    let role = catalog.roles.get(&oid)?;
    if role.superuser {
        Some("a superuser")
    } else if role.bypass_rls {
        Some("a role with BYPASSRLS")
    } else if owners.contains(&oid) {
        Some("the owner of tenant tables, which may disable row-level security")
    } else if AS_GOOD_AS_SUPERUSER.contains(&role.name.as_str()) {
        Some("equivalent to a superuser")
    } else {
        None
    }
}

/// Returns the shortest path to each role that is `wanted`. Paths do not continue beyond one.
fn paths(
    start: Oid,
    next: &BTreeMap<Oid, Vec<Oid>>,
    wanted: impl Fn(Oid) -> bool,
) -> Vec<Vec<Oid>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([start]);
    let mut waiting = VecDeque::from([vec![start]]);
    while let Some(path) = waiting.pop_front() {
        let last = path.last().and_then(|last| next.get(last));
        for further in last.into_iter().flatten() {
            if !seen.insert(*further) {
                continue;
            }
            let longer: Vec<Oid> = path.iter().copied().chain([*further]).collect();
            if wanted(*further) {
                found.push(longer);
            } else {
                waiting.push_back(longer);
            }
        }
    }
    found
}

fn by_membership(catalog: &Catalog, check: &Check, path: &[Oid], reason: &str) -> Finding {
    let names: Vec<&str> = path.iter().map(|oid| catalog.role_name(*oid)).collect();
    let (member, granted, target) = (names[0], names[1], names[names.len() - 1]);
    let statement = format!("REVOKE {} FROM {}", identifier(granted), identifier(member));
    let summary = format!("revoke membership in {granted} from {member}");
    let message = format!("role {member} may become {target}, {reason}");
    Finding::new(
        check,
        member,
        message,
        Fix::proposal(Phase::Roles, summary, [statement]),
    )
    .part(target)
    .fact(format!("membership: {}", names.join(" → ")))
}

fn by_createrole(check: &Check, name: &str) -> Finding {
    let statement = format!("ALTER ROLE {} NOCREATEROLE", identifier(name));
    let summary = format!("remove CREATEROLE from {name}");
    let message = format!(
        "role {name} has CREATEROLE, and may grant itself every role that is not a superuser"
    );
    Finding::new(
        check,
        name,
        message,
        Fix::proposal(Phase::Roles, summary, [statement]),
    )
    .part("CREATEROLE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_path_is_found_and_circles_end() {
        let [app, deploy, owner, root] = [Oid(1), Oid(2), Oid(3), Oid(4)];
        let next = BTreeMap::from([
            (app, vec![deploy]),
            (deploy, vec![app, owner]),
            (owner, vec![root]),
        ]);
        let dangerous = |oid| oid == owner || oid == root;
        assert_eq!(paths(app, &next, dangerous), [vec![app, deploy, owner]]);
        assert!(paths(root, &next, dangerous).is_empty());
    }
}
