//! Commands that a role has the right to and that no policy allows.

use std::collections::BTreeSet;

use super::{
    check,
    effective::{Door, Effective, Side, protected},
    grants::revoke,
    wording::listed,
};
use crate::{
    audit::{
        catalog::{Oid, PolicyCommand},
        findings::{Findings, Rule},
        model::{AppRole, Model},
    },
    domain::audit::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const COMMANDS_UNCOVERED: Rule = Rule {
    check: check(
        "policy-commands-uncovered",
        (Severity::Low, Confidence::High),
        "a command is granted, and no policy allows it",
        include_str!("../../../../docs/audit/policy-commands-uncovered.md"),
    ),
    run: uncovered,
};

fn uncovered(model: &Model, check: &Check, findings: &mut Findings) {
    let effective = Effective::of(model);
    for relation in protected(model) {
        let doors = effective.doors(relation);
        for role in &model.actors.roles {
            let of_role: Vec<&Door<'_>> = doors
                .iter()
                .filter(|door| door.role.oid == role.oid)
                .collect();
            let commands = denied(model, role, &of_role);
            // Where nothing at all is allowed, `rls-no-policy` says so.
            let all_denied = of_role.iter().all(|door| door.permissive.is_empty());
            if commands.is_empty() || all_denied {
                continue;
            }
            let name = relation.display();
            let commands: Vec<&str> = commands.into_iter().map(PolicyCommand::as_str).collect();
            let message = format!(
                "{} may {} on {name}, and no policy allows it: row-level security refuses it, or \
                 finds no row",
                role.name,
                listed(&commands)
            );
            let fix = Fix::proposal(
                Phase::Grants,
                "take the right, or write the policy that is missing",
                revoke(model, role, relation, &commands),
            );
            findings.push(Finding::new(check, name, message, fix).part(&role.name));
        }
    }
}

/// The commands that no permissive policy is for. A right that the role gets on every new table
/// is nobody's decision about this one: hosting platforms grant everything and leave it to the
/// policies to allow.
fn denied(model: &Model, role: &AppRole, doors: &[&Door<'_>]) -> BTreeSet<PolicyCommand> {
    let granted: BTreeSet<&str> = model
        .catalog
        .default_grants
        .iter()
        .filter(|grant| grant.kind == "r")
        .filter(|grant| {
            let mut inherited = model.catalog.rights.inherited(role.oid);
            grant.grantee == Oid::PUBLIC || inherited.any(|one| one == grant.grantee)
        })
        .flat_map(|grant| grant.privileges.iter().map(String::as_str))
        .collect();
    doors
        .iter()
        .filter(|door| door.permissive.is_empty())
        .filter(|door| door.side == Side::Reached || door.command == PolicyCommand::Insert)
        .map(|door| door.command)
        .filter(|command| !granted.contains(command.as_str()))
        .collect()
}
