//! Policies that apply to a role, and the columns that they check.

use std::collections::BTreeSet;

use crate::audit::{
    catalog::{Oid, Policy, PolicyCommand, Relation},
    expression::row_columns,
    model::Model,
};

/// Returns the policies of a relation that apply to a role: those for PUBLIC, for the role itself,
/// and for the roles that it inherits from (manual, CREATE POLICY).
pub(super) fn applying<'m>(
    model: &'m Model,
    role: Oid,
    relation: &Relation,
) -> impl Iterator<Item = &'m Policy> + use<'m> {
    let inherited: BTreeSet<Oid> = model.catalog.rights.inherited(role).collect();
    model
        .catalog
        .policies_of(relation.oid)
        .iter()
        .filter(move |policy| {
            let mut roles = policy.roles.iter();
            roles.any(|one| *one == Oid::PUBLIC || inherited.contains(one))
        })
}

/// `true` if a permissive policy applies to a role for one of these commands; without one, no row
/// is accessible.
pub(super) fn lets_pass(
    model: &Model,
    role: Oid,
    relation: &Relation,
    commands: &[PolicyCommand],
) -> bool {
    applying(model, role, relation).any(|policy| {
        policy.permissive
            && commands
                .iter()
                .any(|command| policy.command.covers(*command))
    })
}

/// Returns the columns of the new row that a policy checks. Without WITH CHECK, the USING
/// expression applies (manual, CREATE POLICY).
pub(super) fn columns_checked(model: &Model, policy: &Policy) -> BTreeSet<i16> {
    let read = model.meaning.policy(policy.oid);
    read.and_then(|read| read.check.as_deref().or(read.using.as_deref()))
        .map(row_columns)
        .unwrap_or_default()
}

/// `true` if the policies prevent a role from moving a row to any tenant by UPDATE: the new row has
/// to pass every restrictive policy and one permissive one, so one restrictive policy that checks
/// the key is enough, or all permissive ones.
pub(super) fn holds_key(model: &Model, role: Oid, relation: &Relation, key: i16) -> bool {
    let policies = applying(model, role, relation)
        .filter(|policy| policy.command.covers(PolicyCommand::Update));
    let (permissive, restrictive): (Vec<&Policy>, Vec<&Policy>) =
        policies.partition(|policy| policy.permissive);
    let looks = |policy: &&Policy| columns_checked(model, policy).contains(&key);
    restrictive.iter().any(looks) || permissive.iter().all(looks)
}

/// `true` if a role sees every row although row-level security applies to it: a permissive policy
/// for it does not check the row, and no restrictive one does.
pub(super) fn sees_everything(model: &Model, role: Oid, relation: &Relation) -> bool {
    let policies = applying(model, role, relation)
        .filter(|policy| policy.command.covers(PolicyCommand::Select));
    let (permissive, restrictive): (Vec<&Policy>, Vec<&Policy>) =
        policies.partition(|policy| policy.permissive);
    let open = |policy: &&Policy| policy.using_text.as_deref() == Some("true");
    permissive.iter().any(open) && restrictive.iter().all(open)
}
