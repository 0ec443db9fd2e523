//! Commands that a role has the privilege for and that no policy allows.

use std::collections::BTreeSet;

use super::{
    check,
    effective::{AppliedPolicies, Effective, Side, protected},
    grants::revoke,
    wording::listed,
};
use crate::audit::{
    catalog::{Oid, PolicyCommand},
    findings::{Findings, Rule},
    model::{AppRole, Model},
    report::{Check, Confidence, Finding, Fix, Phase, Severity},
};

pub(super) const COMMANDS_UNCOVERED: Rule = Rule {
    check: check(
        "policy-commands-uncovered",
        (Severity::Low, Confidence::High),
        "a command is granted, but no policy allows it",
        include_str!("../../../../docs/audit/policy-commands-uncovered.md"),
    ),
    run: uncovered,
};

fn uncovered(model: &Model, check: &Check, findings: &mut Findings) {
    let effective = Effective::of(model);
    for relation in protected(model) {
        let applied_policies = effective.applied_policies(relation);
        for role in &model.app_roles.roles {
            let of_role: Vec<&AppliedPolicies<'_>> = applied_policies
                .iter()
                .filter(|applied| applied.role.oid == role.oid)
                .collect();
            let commands = denied(model, role, &of_role);
            // If no command is allowed, `rls-no-policy` reports the table.
            let all_denied = of_role.iter().all(|applied| applied.permissive.is_empty());
            if commands.is_empty() || all_denied {
                continue;
            }
            let name = relation.display();
            let commands: Vec<&str> = commands.into_iter().map(PolicyCommand::as_str).collect();
            let message = format!(
                "{} may {} on {name}, but no policy allows it: row-level security rejects the \
                 statement or hides all rows from it",
                role.name,
                listed(&commands)
            );
            let fix = Fix::proposal(
                Phase::Grants,
                "revoke the privilege, or add the missing policy",
                revoke(model, role, relation, &commands),
            );
            findings.push(Finding::new(check, name, message, fix).part(&role.name));
        }
    }
}

/// Returns the commands without a permissive policy. A privilege that the role gets on every new
/// table is not a decision about this one: hosting platforms grant all privileges and rely on
/// policies.
fn denied(
    model: &Model,
    role: &AppRole,
    applied_policies: &[&AppliedPolicies<'_>],
) -> BTreeSet<PolicyCommand> {
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
    applied_policies
        .iter()
        .filter(|applied| applied.permissive.is_empty())
        .filter(|applied| applied.side == Side::Reached || applied.command == PolicyCommand::Insert)
        .map(|applied| applied.command)
        .filter(|command| !granted.contains(command.as_str()))
        .collect()
}
