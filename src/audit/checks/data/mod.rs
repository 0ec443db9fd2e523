//! Checks of stored rows: rows that cross tenants today are counted and shown, regardless of
//! policies and grants.
//!
//! Conditions that a validated constraint guarantees are not checked; every other question is one
//! statement over whole tables, so that the planner can choose how to join them.

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
        report::{Check, Class, Confidence, Severity, Skipped},
        selection::Selection,
    },
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

/// Display options for the rows that are found.
#[derive(Clone, Copy, Debug)]
pub struct DataOptions {
    /// Show the whole row instead of only the keys that identify it.
    pub show_values: bool,
    /// Number of rows shown for each finding.
    pub samples: u32,
}

/// Runs the data checks. A statement that the server refuses or stops is not an error: its question
/// is skipped, with the reason.
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
    let mut asked: BTreeMap<SessionKind, Vec<Question>> = BTreeMap::new();
    for question in plan.questions {
        match session(model, connections, &question) {
            Ok(session) => asked.entry(session).or_default().push(question),
            Err(reason) => plan.skipped.push(question.skipped(reason)),
        }
    }
    for (session, questions) in asked {
        let outcomes =
            workers::ask(model, connections, session, &questions, options, watch).await?;
        for (question, outcome) in questions.iter().zip(outcomes) {
            match outcome {
                Outcome::Clean => {}
                Outcome::Found(finding) => findings.push(*finding),
                Outcome::Skipped(reason) => plan.skipped.push(question.skipped(reason)),
            }
        }
    }
    report(plan.skipped, findings);
    Ok(())
}

/// The session that runs a question.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum SessionKind {
    /// The session that reads the catalog.
    Reader,
    /// The session that runs the probes, which may run code that the other must not.
    Probe,
}

impl SessionKind {
    fn role(self, model: &Model) -> Oid {
        match self {
            Self::Reader => model.catalog.server.role,
            Self::Probe => model.catalog.probe_role,
        }
    }

    fn guard(self, model: &Model) -> &Reach {
        match self {
            Self::Reader => &model.guards.reader,
            Self::Probe => &model.guards.probe,
        }
    }
}

/// Returns the session that may run the question, or the reason why the first candidate may not.
fn session(
    model: &Model,
    connections: &Connections,
    question: &Question,
) -> Result<SessionKind, String> {
    let obstacle = |session: SessionKind| visibility::obstacle(model, session, question);
    let Some(reason) = obstacle(SessionKind::Reader) else {
        return Ok(SessionKind::Reader);
    };
    if connections.has_probe_sessions() && obstacle(SessionKind::Probe).is_none() {
        return Ok(SessionKind::Probe);
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

/// Reports skipped questions. Several questions of one check about one table may be skipped for the
/// same reason, which is reported once.
fn report(mut skipped: Vec<Skipped>, findings: &mut Findings) {
    let mut reported = std::collections::BTreeSet::new();
    skipped
        .retain(|one| reported.insert((one.check.clone(), one.object.clone(), one.reason.clone())));
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
