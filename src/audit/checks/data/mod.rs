//! Rows that are across tenants today: counted and shown, whatever policies and grants say.
//!
//! What a validated constraint already keeps is not asked; every other question is one statement
//! over whole tables, so that the server can join them as it likes best.

mod draft;
mod keys;
mod naming;
mod owners;
mod question;
mod references;
mod soft;
mod visibility;
mod workers;

use crate::{
    audit::{
        connections::{Connections, Watch},
        findings::Findings,
        model::Model,
        registry::Selection,
    },
    domain::audit::{Check, Class, Confidence, Severity, Skipped},
    error::Result,
};
use question::Plan;
use workers::Outcome;

/// The checks of this class.
pub const CHECKS: &[Check] = &[
    references::CROSS_TENANT,
    keys::ORPHAN,
    keys::NULL,
    owners::WITHOUT_PARENT,
    owners::WITHOUT_USER,
];

/// What is shown of the rows that are found.
#[derive(Clone, Copy, Debug)]
pub struct DataOptions {
    /// The whole row, not only the keys that one needs to find it.
    pub show_values: bool,
    /// How many rows of each finding.
    pub samples: u32,
}

/// Looks at the rows.
///
/// # Errors
/// When a connection cannot be opened or is lost. A statement that the server refuses or stops is
/// no error: its question is skipped, with the reason.
pub async fn run(
    model: &Model,
    selection: &Selection,
    connections: &Connections,
    options: &DataOptions,
    watch: &dyn Watch,
    findings: &mut Findings,
) -> Result<()> {
    let mut plan = Plan::default();
    for (check, add) in PLANNERS {
        if selection.wants(check) {
            add(model, &mut plan);
        }
    }
    let mut questions = Vec::new();
    for question in plan.questions {
        match visibility::obstacle(model, &question) {
            Some(reason) => plan.skipped.push(question.skipped(reason)),
            None => questions.push(question),
        }
    }
    let outcomes = workers::ask(model, connections, &questions, options, watch).await?;
    for (question, outcome) in questions.iter().zip(outcomes) {
        match outcome {
            Outcome::Clean => {}
            Outcome::Found(finding) => findings.push(*finding),
            Outcome::Skipped(reason) => plan.skipped.push(question.skipped(reason)),
        }
    }
    tell(plan.skipped, findings);
    Ok(())
}

type Planner = fn(&Model, &mut Plan);

const PLANNERS: &[(&Check, Planner)] = &[
    (&references::CROSS_TENANT, references::plan),
    (&references::CROSS_TENANT, soft::plan),
    (&keys::ORPHAN, keys::plan_orphans),
    (&keys::NULL, keys::plan_nulls),
    (&owners::WITHOUT_PARENT, owners::plan_parents),
    (&owners::WITHOUT_USER, owners::plan_users),
];

/// Several questions of one check about one table may be skipped for one reason: it is told once.
fn tell(mut skipped: Vec<Skipped>, findings: &mut Findings) {
    let mut told = std::collections::BTreeSet::new();
    skipped.retain(|one| told.insert((one.check.clone(), one.object.clone(), one.reason.clone())));
    findings.skipped.extend(skipped);
}

const fn check(
    id: &'static str,
    severity: Severity,
    title: &'static str,
    page: &'static str,
) -> Check {
    Check {
        id,
        class: Class::Data,
        severity,
        confidence: Confidence::Proven,
        title,
        page,
    }
}
