//! Rows that are shown to visitors on purpose. A visitor has not logged in and can name no tenant,
//! so a policy for visitors alone that only checks the row is a decision: these rows are public.

use crate::{
    audit::{
        catalog::{Policy, PolicyCommand},
        checks::probe::{field::Field, prepare::target::Target, stand::Stand, tried::Tried},
        expression::{relations, row_columns},
    },
    domain::audit::{Operation, Verdict},
};

/// Returns an SQL condition that the row called `t` is shown to visitors on purpose; `None` if the
/// role is not a visitor's or there is no such policy.
pub(crate) fn purpose(field: &Field<'_>, stand: Stand<'_>, target: &Target) -> Option<String> {
    let relation = field.model.catalog.relations.get(&target.object)?;
    if !stand.role.anonymous || !field.model.is_bound(stand.role.oid, relation) {
        return None;
    }
    let policies = field.model.catalog.policies_of(relation.oid).iter();
    let conditions: Vec<String> = policies
        .filter(|policy| is_for_visitors(field, stand, policy))
        .filter_map(|policy| Some(format!("({})", policy.using_text.as_ref()?)))
        .collect();
    let purpose = format!("({})", conditions.join(" OR "));
    // The server parses the text again, with the application's search path.
    let objection = field.model.guards.attack.objection_to_text(&purpose);
    (!conditions.is_empty() && objection.is_none()).then_some(purpose)
}

/// `true` if a policy is a condition on the columns of the row, for this role only.
fn is_for_visitors(field: &Field<'_>, stand: Stand<'_>, policy: &Policy) -> bool {
    let using = field.model.meaning.policy(policy.oid);
    let Some(using) = using.and_then(|read| read.using.as_deref()) else {
        return false;
    };
    let columns = row_columns(using);
    let rights = &field.model.catalog.rights;
    let (role, table) = (stand.role.oid, policy.relation);
    policy.permissive
        && policy.command.covers(PolicyCommand::Select)
        && policy.roles == [role]
        && !columns.is_empty()
        && columns
            .iter()
            .all(|column| rights.on_column(role, table, *column, "SELECT"))
        && relations(using).is_empty()
        && field.model.meaning.sources(using).is_empty()
}

/// Merges two attempts on the same target. The first is limited to rows that are not shown on
/// purpose; if it returned one, its verdict is used.
pub(crate) fn merge(tried: Vec<Tried<'_>>) -> Vec<Tried<'_>> {
    let mut merged: Vec<Tried<'_>> = Vec::with_capacity(tried.len());
    for one in tried {
        match merged.last_mut() {
            Some(last)
                if last.target == one.target
                    && last.operation == one.operation
                    && one.operation == Operation::Select =>
            {
                if !last.is_leak() {
                    let asked = !matches!(last.verdict, Verdict::Skipped(_));
                    *last = Tried {
                        on_purpose: one.on_purpose && asked,
                        ..one
                    };
                }
            }
            _ => merged.push(one),
        }
    }
    merged
}
