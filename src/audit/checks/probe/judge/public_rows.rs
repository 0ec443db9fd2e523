//! Rows that are shown to the anonymous role on purpose. A request without a login can name no
//! tenant, so a policy for that role alone that only checks the row is a decision: these rows are
//! public.

use crate::audit::{
    catalog::{Policy, PolicyCommand},
    checks::probe::{
        attempt::ProbeAttempt, identity::ProbeIdentity, inputs::ProbeInputs,
        prepare::target::Target,
    },
    expression::{relations, row_columns},
    report::{Operation, Verdict},
};

/// Returns an SQL condition that the row called `t` is shown to the anonymous role on purpose;
/// `None` if the role is another one or there is no such policy.
pub(crate) fn public_condition(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    target: &Target,
) -> Option<String> {
    let relation = inputs.model.catalog.relations.get(&target.object)?;
    if !identity.role.anonymous || !inputs.model.is_bound(identity.role.oid, relation) {
        return None;
    }
    let policies = inputs.model.catalog.policies_of(relation.oid).iter();
    let conditions: Vec<String> = policies
        .filter(|policy| is_for_anonymous(inputs, identity, policy))
        .filter_map(|policy| Some(format!("({})", policy.using_text.as_ref()?)))
        .collect();
    let condition = format!("({})", conditions.join(" OR "));
    // The server parses the text again, with the application's search path.
    let objection = inputs.model.guards.probe.objection_to_text(&condition);
    (!conditions.is_empty() && objection.is_none()).then_some(condition)
}

/// `true` if a policy is a condition on the columns of the row, for this role only.
fn is_for_anonymous(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    policy: &Policy,
) -> bool {
    let using = inputs.model.meaning.policy(policy.oid);
    let Some(using) = using.and_then(|read| read.using.as_deref()) else {
        return false;
    };
    let columns = row_columns(using);
    let rights = &inputs.model.catalog.rights;
    let (role, table) = (identity.role.oid, policy.relation);
    policy.permissive
        && policy.command.covers(PolicyCommand::Select)
        && policy.roles == [role]
        && !columns.is_empty()
        && columns
            .iter()
            .all(|column| rights.on_column(role, table, *column, "SELECT"))
        && relations(using).is_empty()
        && inputs.model.meaning.sources(using).is_empty()
}

/// Merges two attempts on the same target. The first is limited to rows that are not shown on
/// purpose; if it returned one, its verdict is used.
pub(crate) fn merge(attempts: Vec<ProbeAttempt<'_>>) -> Vec<ProbeAttempt<'_>> {
    let mut merged: Vec<ProbeAttempt<'_>> = Vec::with_capacity(attempts.len());
    for one in attempts {
        match merged.last_mut() {
            Some(last)
                if last.target == one.target
                    && last.operation == one.operation
                    && one.operation == Operation::Select =>
            {
                if !last.is_leak() {
                    let executed = !matches!(last.verdict, Verdict::Skipped(_));
                    *last = ProbeAttempt {
                        is_public: one.is_public && executed,
                        ..one
                    };
                }
            }
            _ => merged.push(one),
        }
    }
    merged
}
