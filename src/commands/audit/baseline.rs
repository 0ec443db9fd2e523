//! `audit baseline`

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;
use serde::Serialize;

use super::{files, scope::ScopeArgs, watch::Shown};
use crate::{
    app::App,
    audit::{
        self,
        report::{Finding, baseline::Acceptance},
    },
    error::{Error, Result},
    files::Readers,
    hint::Hint,
    output::{Page, View},
    run,
};

/// Default path of the baseline.
const DEFAULT_FILE: &str = "audit-baseline.toml";

/// Accept findings, with a reason, an owner and an expiry date.
///
/// Audits the database, or reads a saved report, and writes the findings to the baseline. `audit
/// --baseline FILE` then reports them as accepted. It reports them again once they expire or get
/// worse, and lists obsolete entries. Use --only, --skip or --fingerprint to accept a subset.
///
/// Examples:
///   tenantctl audit baseline --only publication-unfiltered --reason "the warehouse is ours" --owner data --expires 2027-06-30
///   tenantctl audit baseline --from report.json --fingerprint 5f0c9f12ab34cd56 --reason … --owner … --expires 2027-01-31
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct BaselineArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Baseline file. Default: the one in the [audit] section, or audit-baseline.toml. With
    /// --overwrite an existing file is extended: its entries and comments are kept.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Read findings from this JSON report instead of running an audit.
    #[arg(long, value_name = "REPORT")]
    from: Option<PathBuf>,

    /// Accept only findings with these fingerprints.
    #[arg(long, value_name = "HEX", value_delimiter = ',')]
    fingerprint: Vec<String>,

    /// Reason for accepting the findings.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Person or team responsible for the findings.
    #[arg(long, value_name = "NAME")]
    owner: String,

    /// Last day on which the findings are accepted, e.g. 2027-06-30.
    #[arg(long, value_name = "DAY", value_parser = day)]
    expires: NaiveDate,
}

impl BaselineArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let file = match self.file {
            Some(file) => file,
            None => app
                .config()?
                .audit
                .baseline
                .clone()
                .unwrap_or_else(|| DEFAULT_FILE.into()),
        };
        app.expect_writable(&file)?;
        let mut baseline = files::read_baseline_or_empty(&file)?;
        let report = match &self.from {
            Some(path) => files::read_report(path)?,
            None => {
                let (sessions, options) = self.scope.resolve(app)?;
                audit::run(sessions, &options, &Shown::new(&app.printer)).await?
            }
        };
        let accepted = chosen(report.findings, &self.fingerprint)?;
        let acceptance = Acceptance {
            reason: self.reason,
            owner: self.owner,
            expires: self.expires,
        };
        let counts = baseline.accept(&accepted, &acceptance, app.clock.now().date_naive())?;
        app.write_file(&file, &baseline.to_text(), Readers::Usual, "the baseline")?;
        app.printer.view(&BaselineView {
            file: file.display().to_string(),
            added: counts.added,
            renewed: counts.renewed,
            written: !app.global.dry_run,
        })
    }
}

fn day(text: &str) -> Result<NaiveDate, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a valid date (expected YYYY-MM-DD)"))
}

fn chosen(findings: Vec<Finding>, fingerprints: &[String]) -> Result<Vec<Finding>> {
    if fingerprints.is_empty() {
        return Ok(findings);
    }
    let found = |wanted: &String| findings.iter().any(|one| one.fingerprint == *wanted);
    if let Some(missing) = fingerprints.iter().find(|wanted| !found(wanted)) {
        return Err(
            Error::not_found(format!("no finding has the fingerprint {missing}")).hint(
                Hint::from("list fingerprints with `")
                    .then(run!["audit", "-o", "json"])
                    .then("`"),
            ),
        );
    }
    let chosen = findings
        .into_iter()
        .filter(|one| fingerprints.contains(&one.fingerprint));
    Ok(chosen.collect())
}

#[derive(Serialize)]
struct BaselineView {
    file: String,
    added: u64,
    renewed: u64,
    /// False in a dry run.
    written: bool,
}

impl View for BaselineView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        let verb = if self.written {
            "accepted"
        } else {
            "would be accepted"
        };
        Some(format!(
            "{verb} in {}: {} new, {} renewed",
            self.file, self.added, self.renewed
        ))
    }

    fn next(&self) -> Vec<Hint> {
        vec![run!["audit", "--baseline", self.file]]
    }
}
