//! Outcome of an attempt to write.

use serde_json::Value;

use super::{How, Planned};
use crate::audit::{
    checks::probe::{
        attempt::ProbeAttempt, execute::statement::Reply, identity::ProbeIdentity,
        inputs::SharedOptions, judge::refusal::Refusal,
    },
    report::{Operation, Verdict},
};

/// Returns the verdict for a reply.
pub(in super::super) fn judge<'a>(
    options: SharedOptions<'_>,
    identity: ProbeIdentity<'a>,
    planned: Planned,
    reply: Option<Reply>,
) -> ProbeAttempt<'a> {
    let attempt = |verdict| ProbeAttempt::new(planned.target, identity, planned.operation, verdict);
    let write = match planned.how {
        How::Known(verdict) => return attempt(verdict),
        How::Run(write) => write,
    };
    let reply = reply.unwrap_or_default();
    let leak = |refused_by| ProbeAttempt {
        row: write.row.clone(),
        refused_by,
        abridged: write.shown != write.statement.sql,
        ..attempt(Verdict::Leak(write.shown.clone()))
    };
    match reply.refusal {
        None if reply.rows == 0 => attempt(Verdict::Blocked("no row is reached".to_owned())),
        None if reply.value == Some(Value::Bool(false)) => {
            let reason = "it ran, but the other tenant's rows are unchanged";
            attempt(Verdict::Blocked(reason.to_owned()))
        }
        // It may have changed only the tenant's own rows.
        None if write.unconditional && reply.value.is_none() => {
            attempt(inconclusive("the changed rows cannot be read"))
        }
        None => leak(None),
        Some(refusal) if refusal.is_unanswered() => {
            attempt(Verdict::Skipped(refusal.text(options.show_values)))
        }
        Some(refusal) if write.unconditional => {
            attempt(inconclusive(&refusal.text(options.show_values)))
        }
        Some(refusal) => {
            let text = refusal.text(options.show_values);
            match refused(identity, planned.operation, &refusal, &text) {
                Some(verdict) => attempt(verdict),
                None => leak(Some(text)),
            }
        }
    }
}

/// Returns the verdict for a change of every row that proves nothing about the other tenant's.
fn inconclusive(why: &str) -> Verdict {
    Verdict::NotApplicable(format!("changing every row proves nothing: {why}"))
}

/// Returns the verdict for an error; `None` if a constraint refused a row that row-level security
/// had accepted, which is checked first (ExecInsert and ExecUpdate in nodeModifyTable.c).
fn refused(
    identity: ProbeIdentity<'_>,
    operation: Operation,
    refusal: &Refusal,
    text: &str,
) -> Option<Verdict> {
    let message = text.to_owned();
    if identity.is_blocked_by(refusal) {
        return Some(Verdict::Blocked(message));
    }
    let by_constraint = refusal.state.starts_with("23") && refusal.constraint.is_some();
    match refusal.state.as_str() {
        "23503" if operation == Operation::Reference => Some(Verdict::Blocked(message)),
        _ if operation == Operation::Reference => Some(Verdict::Skipped(message)),
        _ if by_constraint => None,
        // The relation does not support such a change.
        "0A000" | "55000" => Some(Verdict::NotApplicable(message)),
        // A trigger may raise any error.
        state if state.starts_with("23") => Some(Verdict::Blocked(message)),
        _ => Some(Verdict::Skipped(message)),
    }
}

/// Merges several attempts of the same operation on the same target into the worst verdict.
pub(in super::super) fn merge(attempts: Vec<ProbeAttempt<'_>>) -> Vec<ProbeAttempt<'_>> {
    let mut merged: Vec<ProbeAttempt<'_>> = Vec::with_capacity(attempts.len());
    for one in attempts {
        match merged.last_mut() {
            Some(last) if last.target == one.target && last.operation == one.operation => {
                if rank(&one) < rank(last) {
                    *last = one;
                }
            }
            _ => merged.push(one),
        }
    }
    merged
}

fn rank(attempt: &ProbeAttempt<'_>) -> (u8, bool) {
    let rank = match attempt.verdict {
        Verdict::Leak(_) => 0,
        Verdict::Skipped(_) => 1,
        Verdict::Blocked(_) | Verdict::Allowed => 2,
        Verdict::NotApplicable(_) => 3,
    };
    (rank, attempt.refused_by.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{catalog::Oid, model::AppRole, report::ContextKind};

    /// Returns the verdict for an error in the context of a tenant.
    fn meaning(operation: Operation, state: &str, constraint: Option<&str>) -> Option<Verdict> {
        let role = AppRole {
            oid: Oid(1),
            name: "app".to_owned(),
            why: String::new(),
            owner: false,
            anonymous: false,
            stands_for_public: false,
        };
        let identity = ProbeIdentity {
            role: &role,
            context: ContextKind::A,
        };
        let refusal = Refusal::made_up(state, "no", constraint);
        refused(identity, operation, &refusal, "no")
    }

    #[test]
    fn a_constraint_comes_after_row_level_security() {
        assert_eq!(
            meaning(Operation::Insert, "23505", Some("notes_pkey")),
            None
        );
        let by_trigger = meaning(Operation::Insert, "23514", None);
        assert!(matches!(by_trigger, Some(Verdict::Blocked(_))));
        let foreign = meaning(Operation::Reference, "23503", Some("notes_fkey"));
        assert!(matches!(foreign, Some(Verdict::Blocked(_))));
    }

    #[test]
    fn what_could_not_be_tried_is_no_pass() {
        assert!(matches!(
            meaning(Operation::Update, "55P03", None),
            Some(Verdict::Skipped(_))
        ));
        assert!(matches!(
            meaning(Operation::Update, "22P02", None),
            Some(Verdict::Skipped(_))
        ));
    }
}
