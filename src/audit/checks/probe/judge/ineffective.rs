//! Probes without an effective tenant. If no session reads a single row of its own tenant, blocked
//! access to the other tenant's rows may be blocked for every tenant: the audit does not know how a
//! session names its tenant, and what was blocked proves nothing.

use std::collections::BTreeSet;

use crate::audit::{
    catalog::{Oid, PolicyCommand, Relation},
    checks::probe::{
        attempt::ProbeAttempt, identity::ProbeIdentity, inputs::ProbeInputs,
        prepare::target::Target,
    },
    model::AppRole,
    report::{Operation, Verdict},
};

const REASON: &str = "no session of the probes could read a row of its own tenant, so blocked \
                      access proves nothing: use --session to specify how a session names its \
                      tenant";

/// Changes blocked attempts of such a role in the context of a tenant to skipped.
pub(crate) fn skip_unproven(inputs: &ProbeInputs<'_>, attempts: &mut [ProbeAttempt<'_>]) {
    let ineffective: BTreeSet<Oid> = inputs
        .model
        .app_roles
        .roles
        .iter()
        .filter(|role| is_ineffective(inputs, attempts, role))
        .map(|role| role.oid)
        .collect();
    for one in attempts {
        let blocked = matches!(one.verdict, Verdict::Blocked(_));
        if blocked && one.identity.has_tenant() && ineffective.contains(&one.identity.role.oid) {
            let target = &inputs.targets[one.target];
            if has_privilege(inputs, one.identity, target, one.operation) {
                one.verdict = Verdict::Skipped(REASON.to_owned());
            }
        }
    }
}

/// `true` if a role tried to read rows of its tenant where a policy should show them, and found
/// none. The anonymous role has no rows.
fn is_ineffective(inputs: &ProbeInputs<'_>, attempts: &[ProbeAttempt<'_>], role: &AppRole) -> bool {
    let own = attempts
        .iter()
        .filter(|one| one.operation == Operation::Own && one.identity.role.oid == role.oid);
    let mut attempted = false;
    for one in own {
        match &one.verdict {
            Verdict::Allowed => return false,
            Verdict::Blocked(_) => {
                let target = &inputs.targets[one.target];
                attempted |= has_privilege(inputs, one.identity, target, Operation::Own)
                    && inputs
                        .model
                        .catalog
                        .relations
                        .get(&target.object)
                        .is_some_and(|table| has_select_policy(inputs, role, table));
            }
            _ => {}
        }
    }
    attempted && !role.anonymous
}

/// `true` if a policy shows rows of the table to the role. A table without such a policy is closed
/// on purpose.
fn has_select_policy(inputs: &ProbeInputs<'_>, role: &AppRole, table: &Relation) -> bool {
    let rights = &inputs.model.catalog.rights;
    let mut policies = inputs.model.catalog.policies_of(table.oid).iter();
    table.is_table()
        && policies.any(|policy| {
            let to = |one: &Oid| *one == Oid::PUBLIC || rights.acts_as(role.oid, *one);
            policy.permissive
                && policy.command.covers(PolicyCommand::Select)
                && policy.roles.iter().any(to)
        })
}

/// `true` if a role has the privilege for an operation. Without it, the operation is blocked in any
/// context.
fn has_privilege(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    target: &Target,
    operation: Operation,
) -> bool {
    let Some(relation) = inputs.model.catalog.relations.get(&target.object) else {
        return false;
    };
    let rights = inputs.model.privileges(identity.role.oid, relation);
    match operation {
        Operation::Own | Operation::Select => rights.select,
        Operation::Insert | Operation::Reference => rights.insert,
        Operation::Update | Operation::Move => rights.update,
        Operation::Delete => rights.delete,
    }
}
