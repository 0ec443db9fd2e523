//! Probes without an effective tenant. If no session reads a single row of its own tenant, blocked
//! access to the other tenant's rows may be blocked for every tenant: the audit does not know how a
//! session names its tenant, and what was blocked proves nothing.

use std::collections::BTreeSet;

use crate::{
    audit::{
        catalog::{Oid, PolicyCommand, Relation},
        checks::probe::{field::Field, prepare::target::Target, stand::Stand, tried::Tried},
        model::AppRole,
    },
    domain::audit::{Operation, Verdict},
};

const REASON: &str = "no session of the probes could read a row of its own tenant, so blocked \
                      access proves nothing: use --session to specify how a session names its \
                      tenant";

/// Changes blocked attempts of such a role in the context of a tenant to skipped.
pub(crate) fn doubt(field: &Field<'_>, tried: &mut [Tried<'_>]) {
    let nobodies: BTreeSet<Oid> = field
        .model
        .actors
        .roles
        .iter()
        .filter(|role| is_nobody(field, tried, role))
        .map(|role| role.oid)
        .collect();
    for one in tried {
        let blocked = matches!(one.verdict, Verdict::Blocked(_));
        if blocked && one.stand.is_named() && nobodies.contains(&one.stand.role.oid) {
            let target = &field.targets[one.target];
            if may(field, one.stand, target, one.operation) {
                one.verdict = Verdict::Skipped(REASON.to_owned());
            }
        }
    }
}

/// `true` if a role tried to read rows of its tenant where a policy should show them, and found
/// none. Visitors have no rows.
fn is_nobody(field: &Field<'_>, tried: &[Tried<'_>], role: &AppRole) -> bool {
    let own = tried
        .iter()
        .filter(|one| one.operation == Operation::Own && one.stand.role.oid == role.oid);
    let mut looked = false;
    for one in own {
        match &one.verdict {
            Verdict::Allowed => return false,
            Verdict::Blocked(_) => {
                let target = &field.targets[one.target];
                looked |= may(field, one.stand, target, Operation::Own)
                    && field
                        .model
                        .catalog
                        .relations
                        .get(&target.object)
                        .is_some_and(|table| is_shown(field, role, table));
            }
            _ => {}
        }
    }
    looked && !role.anonymous
}

/// `true` if a policy shows rows of the table to the role. A table without such a policy is closed
/// on purpose.
fn is_shown(field: &Field<'_>, role: &AppRole, table: &Relation) -> bool {
    let rights = &field.model.catalog.rights;
    let mut policies = field.model.catalog.policies_of(table.oid).iter();
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
fn may(field: &Field<'_>, stand: Stand<'_>, target: &Target, operation: Operation) -> bool {
    let Some(relation) = field.model.catalog.relations.get(&target.object) else {
        return false;
    };
    let rights = field.model.privileges(stand.role.oid, relation);
    match operation {
        Operation::Own | Operation::Select => rights.select,
        Operation::Insert | Operation::Reference => rights.insert,
        Operation::Update | Operation::Move => rights.update,
        Operation::Delete => rights.delete,
    }
}
