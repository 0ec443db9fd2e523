//! The attack of the demo: the probes of `tenantctl audit --probe full`, between its organizations.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt;
use serde::Serialize;

use super::scenario::Played;
use crate::{
    audit::{
        self, Options,
        checks::{
            data::DataOptions,
            probe::{ProbeMode, ProbeOptions},
        },
        connections::{Connect, Limits, Watch},
        model::Overrides,
        report::{Attempt, ContextKind, Operation, Report, Verdict},
        selection::Selection,
    },
    db::{self, ConnectSettings},
    error::{Error, ErrorKind, Result},
};

/// The contexts of the attack, in the order of display.
pub(super) const CONTEXTS: [ContextKind; 3] = [ContextKind::A, ContextKind::B, ContextKind::None];

/// Number of concurrent connections.
const JOBS: usize = 2;

const LIMITS: Limits = Limits {
    deadline: Duration::from_secs(600),
    statement: Duration::from_secs(60),
    lock: Duration::from_secs(5),
};

/// The attempts and their results.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Isolation {
    pub(super) tables: Vec<String>,
    pub(super) trials: Vec<Trial>,
}

/// A cell of the matrix.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trial {
    table: String,
    operation: Operation,
    context: ContextKind,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
}

impl Isolation {
    /// Returns the number of leaking cells.
    pub(super) fn leaks(&self) -> usize {
        let verdicts = self.trials.iter().map(|trial| &trial.verdict);
        verdicts
            .filter(|verdict| matches!(verdict, Verdict::Leak(_)))
            .count()
    }

    /// Returns the result of a cell.
    pub(super) fn verdict(
        &self,
        table: &str,
        operation: Operation,
        context: ContextKind,
    ) -> Option<&Verdict> {
        let mut trials = self.trials.iter();
        let trial = trials.find(|trial| {
            (&*trial.table, trial.operation, trial.context) == (table, operation, context)
        });
        trial.map(|trial| &trial.verdict)
    }

    fn new(report: Report) -> Self {
        let trials: Vec<Trial> = report
            .matrix
            .into_iter()
            .filter(|attempt| CONTEXTS.contains(&attempt.context))
            .map(Trial::from)
            .collect();
        let tables: BTreeSet<&String> = trials.iter().map(|trial| &trial.table).collect();
        Self {
            tables: tables.into_iter().cloned().collect(),
            trials,
        }
    }
}

impl From<Attempt> for Trial {
    fn from(attempt: Attempt) -> Self {
        let table = attempt.object.strip_prefix("public.");
        Self {
            table: table.unwrap_or(&attempt.object).to_owned(),
            operation: attempt.operation,
            context: attempt.context,
            verdict: attempt.verdict,
        }
    }
}

/// The demo shows only the result, not the progress.
struct Unwatched;

impl Watch for Unwatched {
    fn phase(&self, _what: &str, _steps: Option<u64>) {}
    fn advance(&self, _steps: u64) {}
}

/// Attacks each organization as the other, and both without an organization.
///
/// # Errors
/// Same as [`audit::run`]; `Failure` if an attempt could not be made.
pub(super) async fn attack(settings: &ConnectSettings, played: &Played) -> Result<Isolation> {
    let sides = [&played.default, &played.harbor];
    let options = Options {
        overrides: Overrides {
            roles: vec!["tenant_app".to_owned()],
            tenants: sides.map(|side| side.organization.id.to_string()).to_vec(),
            ..Overrides::default()
        },
        selection: Selection {
            only: vec!["probe".to_owned()],
            skip: Vec::new(),
        },
        limits: LIMITS,
        jobs: JOBS,
        data: DataOptions {
            show_values: false,
            samples: 0,
        },
        probe: ProbeOptions {
            mode: ProbeMode::Full,
            ..ProbeOptions::default()
        },
    };
    let report = audit::run(connect(settings), &options, &Unwatched).await?;
    if let Some(skipped) = report.skipped.first() {
        let object = skipped.object.as_deref().unwrap_or("the database");
        return Err(Error::new(
            ErrorKind::Failure,
            format!("{object} could not be attacked: {}", skipped.reason),
        ));
    }
    Ok(Isolation::new(report))
}

fn connect(settings: &ConnectSettings) -> Connect {
    let settings = settings.clone();
    Arc::new(move || {
        let settings = settings.clone();
        async move { db::open_connection(&settings).await }.boxed()
    })
}
