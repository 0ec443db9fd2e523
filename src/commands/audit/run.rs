//! `audit` itself

use std::path::{Path, PathBuf};

use clap::Args;

use super::{files, scope::ScopeArgs, watch::Shown};
use crate::{
    audit::{self, registry},
    context::App,
    domain::{
        audit::{Report, Severity, baseline::Baseline},
        suggest::unknown_name,
    },
    error::{Error, ErrorKind, Result},
    files::Readers,
    output::{
        Format, Listing,
        audit::{ReportFormat, ReportView, render},
    },
    run,
};

/// What is done with the result.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Print the report in this form: plain, json, sarif, junit, markdown, github, html.
    #[arg(long, value_name = "FORMAT", value_parser = format, conflicts_with = "output")]
    format: Option<ReportFormat>,

    /// Also write the report to this file, in the form of --format or of the name's extension;
    /// - is standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    verdict: VerdictArgs,

    /// Show every row of the matrix, however many tables there are.
    #[arg(long)]
    matrix: bool,
}

/// What counts as found.
#[derive(Args, Clone, Debug)]
pub(super) struct VerdictArgs {
    /// Exit with code 10 from this severity on: critical, high, medium, low, info, or never.
    #[arg(long, value_name = "SEVERITY", value_parser = fail_on)]
    fail_on: Option<FailOn>,

    /// Exit with code 10 also where anything had to be skipped.
    #[arg(long)]
    fail_on_skipped: bool,

    /// The file with the findings that somebody answers for. Otherwise: that of the [audit]
    /// section.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

/// From which severity on a finding is a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FailOn {
    From(Severity),
    Never,
}

impl RunArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let report_format = match &self.report {
            Some(path) => {
                app.expect_writable(path)?;
                Some(self.format.map_or_else(|| by_extension(path), Ok)?)
            }
            None => None,
        };
        let report = self.verdict.audit(app, self.scope).await?;
        let checks = registry::all();
        if let (Some(path), Some(format)) = (&self.report, report_format) {
            let text = render(&report, &checks, format)?;
            app.write_file(path, &text, Readers::Usual, "the report")?;
        }
        match self.format {
            // It went to the file instead.
            Some(_) if self.report.is_some() => {}
            Some(format) => app.printer.raw(&render(&report, &checks, format)?)?,
            None => show(app, &report, self.matrix).await?,
        }
        self.verdict.judge(app, &report)
    }
}

/// Prints a report in the form of `--output`: in CSV and NDJSON, a record for each finding.
pub(super) async fn show(app: &App, report: &Report, whole_matrix: bool) -> Result<()> {
    let printer = &app.printer;
    if !matches!(printer.format(), Format::Csv | Format::Ndjson) {
        return printer.view(&ReportView::new(report).whole_matrix(whole_matrix));
    }
    let findings = Listing::of(report.findings.clone(), "no finding");
    printer.list(findings).await?;
    // These forms have no place for it, and what was not looked at must not pass for clean.
    if report.summary.skipped > 0 {
        printer.warn(format!(
            "{} skipped, which is no pass: -o json says what and why",
            report.summary.skipped
        ));
    }
    Ok(())
}

impl VerdictArgs {
    /// Audits, and takes out what the baseline accepts.
    pub(super) async fn audit(&self, app: &App, scope: ScopeArgs) -> Result<Report> {
        let baseline = self.read_baseline(app)?;
        let (sessions, options) = scope.resolve(app)?;
        let mut report = {
            let watch = Shown::new(&app.printer);
            audit::run(sessions, &options, &watch).await?
        };
        if let Some(baseline) = baseline {
            baseline.apply(&mut report, app.clock.now().date_naive());
        }
        Ok(report)
    }

    /// What somebody answers for, where a file says so.
    pub(super) fn read_baseline(&self, app: &App) -> Result<Option<Baseline>> {
        let file = match &self.baseline {
            Some(file) => Some(file),
            None => app.config()?.audit.baseline.as_ref(),
        };
        file.map(|file| files::read_baseline(file)).transpose()
    }

    /// # Errors
    /// `Finding` when something is as severe as it takes.
    pub(super) fn judge(&self, app: &App, report: &Report) -> Result<()> {
        let from = match self.fail_on {
            Some(FailOn::Never) => return self.judge_skipped(report),
            Some(FailOn::From(severity)) => severity,
            None => app.config()?.audit.fail_on.unwrap_or(Severity::Low),
        };
        let findings = report.findings.iter();
        let count = findings
            .filter(|finding| finding.severity.at_least(from))
            .count();
        if count == 0 {
            return self.judge_skipped(report);
        }
        let (noun, verb) = if count == 1 {
            ("finding", "is")
        } else {
            ("findings", "are")
        };
        let error = Error::new(
            ErrorKind::Finding,
            format!("{count} {noun} {verb} {from} or worse"),
        );
        let error = match report.findings.first() {
            Some(worst) => {
                error.hint(run!["audit", "explain", worst.check].labeled("what it means"))
            }
            None => error,
        };
        Err(match report.findings.iter().any(|one| one.fix.mechanical) {
            true => error
                .hint(run!["audit", "fix"].labeled("the statements that mend what can be mended")),
            false => error,
        })
    }

    /// What was not looked at is no pass.
    fn judge_skipped(&self, report: &Report) -> Result<()> {
        if !self.fail_on_skipped || report.skipped.is_empty() {
            return Ok(());
        }
        let count = report.skipped.len();
        let noun = if count == 1 {
            "thing was"
        } else {
            "things were"
        };
        Err(Error::new(
            ErrorKind::Finding,
            format!("nothing was found, but {count} {noun} skipped"),
        )
        .hint("the reasons are in the report")
        .hint(run!["audit", "role"].labeled("a role that may attack what another must not")))
    }
}

fn by_extension(path: &Path) -> Result<ReportFormat> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
        "json" => Ok(ReportFormat::Json),
        "sarif" => Ok(ReportFormat::Sarif),
        "xml" => Ok(ReportFormat::Junit),
        "md" => Ok(ReportFormat::Markdown),
        "html" | "htm" => Ok(ReportFormat::Html),
        "txt" => Ok(ReportFormat::Plain),
        _ => Err(Error::usage(format!(
            "{} does not say in which form the report is to be",
            path.display()
        ))
        .hint("end its name in .json, .sarif, .xml, .md, .html or .txt, or give --format")),
    }
}

fn format(text: &str) -> Result<ReportFormat, String> {
    text.parse().map_err(|error: Error| error.to_string())
}

pub(super) fn fail_on(text: &str) -> Result<FailOn, String> {
    if text == "never" {
        return Ok(FailOn::Never);
    }
    let names = [Severity::names(), vec!["never"]].concat();
    let severity = text.parse().map(FailOn::From);
    severity.map_err(|_: Error| unknown_name("severity", text, &names).to_string())
}
