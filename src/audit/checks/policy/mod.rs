//! Checks on policies of row-level security: the rows they let pass, the data they trust, and their
//! cost.

mod effective;
mod escalation;
mod flags;
mod gaps;
mod global_users;
mod grants;
mod identity;
mod immutable;
mod lookups;
mod metadata;
mod open;
mod plan;
pub mod planned;
mod remedy;
mod stale;
mod uncovered;
mod wording;

use crate::audit::{
    findings::Rule,
    report::{Check, Class, Confidence, Severity},
};

/// The checks of this class that only read the catalog.
pub const RULES: &[Rule] = &[
    open::ALWAYS_TRUE,
    open::IGNORES_TENANT,
    open::WRONG_COLUMN,
    open::LOOSE_COMPARISON,
    open::SELF_COMPARISON,
    open::NULL_ESCAPE,
    open::OPEN_WHEN_UNSET,
    open::UNCORRELATED,
    open::UNDONE,
    open::WEAK_WRITE,
    uncovered::COMMANDS_UNCOVERED,
    escalation::USER_EDITABLE,
    escalation::SELF_ESCALATION,
    stale::MEMBERSHIP,
    immutable::SESSION,
    global_users::EXPOSED,
];

const fn check(
    id: &'static str,
    (severity, confidence): (Severity, Confidence),
    title: &'static str,
    page: &'static str,
) -> Check {
    Check {
        id,
        class: Class::Policy,
        severity,
        confidence,
        title,
        page,
    }
}
