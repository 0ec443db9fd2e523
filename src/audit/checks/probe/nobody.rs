//! Attacks in the name of nobody. Where no session that was made reads a single row of its own
//! tenant, a door that is shut to the other tenant's rows may be shut to everybody: how a session
//! names its tenant was not understood, and what was blocked proves nothing.

use std::collections::BTreeSet;

use super::{
    field::{Field, Stand, Tried},
    target::Target,
};
use crate::{
    audit::{
        catalog::{Oid, PolicyCommand, Relation},
        model::AppRole,
    },
    domain::audit::{Operation, Verdict},
};

const REASON: &str = "no session that was made reads a row of its own tenant, so what it does not \
                      reach proves nothing: say with --session how a session names its tenant";

/// Takes back what was blocked for such a role in the name of a tenant.
pub(super) fn doubt(field: &Field<'_>, tried: &mut [Tried<'_>]) {
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

/// Whether a role looked for rows of its own where a policy is to show them, and found none
/// anywhere. Visitors have none.
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

/// A table that no policy opens is closed on purpose.
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

/// What a role has no right to is blocked whoever it is.
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
