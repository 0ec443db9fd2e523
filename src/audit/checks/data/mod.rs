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

use std::collections::BTreeMap;

use crate::{
    audit::{
        catalog::Oid,
        connections::{Connections, Watch},
        findings::Findings,
        model::Model,
        reach::Reach,
        registry::Selection,
    },
    domain::audit::{Check, Class, Confidence, Severity, Skipped},
    error::Result,
};
use question::{Plan, Question};
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
    let mut asked: BTreeMap<Asker, Vec<Question>> = BTreeMap::new();
    for question in plan.questions {
        match asker(model, connections, &question) {
            Ok(asker) => asked.entry(asker).or_default().push(question),
            Err(reason) => plan.skipped.push(question.skipped(reason)),
        }
    }
    for (asker, questions) in asked {
        let outcomes = workers::ask(model, connections, asker, &questions, options, watch).await?;
        for (question, outcome) in questions.iter().zip(outcomes) {
            match outcome {
                Outcome::Clean => {}
                Outcome::Found(finding) => findings.push(*finding),
                Outcome::Skipped(reason) => plan.skipped.push(question.skipped(reason)),
            }
        }
    }
    tell(plan.skipped, findings);
    Ok(())
}

/// The session that asks a question.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Asker {
    /// The one that reads the catalog.
    Looking,
    /// The one that attacks: it may run what the other must not.
    Attacking,
}

impl Asker {
    fn role(self, model: &Model) -> Oid {
        match self {
            Self::Looking => model.catalog.server.role,
            Self::Attacking => model.catalog.attacker,
        }
    }

    fn guard(self, model: &Model) -> &Reach {
        match self {
            Self::Looking => &model.guards.eyes,
            Self::Attacking => &model.guards.attack,
        }
    }
}

/// The session that asks it, or the reason why the first one that was tried may not.
fn asker(model: &Model, connections: &Connections, question: &Question) -> Result<Asker, String> {
    let obstacle = |asker: Asker| visibility::obstacle(model, asker, question);
    let Some(reason) = obstacle(Asker::Looking) else {
        return Ok(Asker::Looking);
    };
    if connections.attack_apart() && obstacle(Asker::Attacking).is_none() {
        return Ok(Asker::Attacking);
    }
    Err(reason)
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
