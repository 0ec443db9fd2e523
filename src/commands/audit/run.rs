//! `audit` itself

use std::path::{Path, PathBuf};

use clap::Args;

use super::{files, scope::ScopeArgs, watch::Shown};
use crate::{
    app::App,
    audit::{
        self, registry,
        render::{ReportFormat, ReportView, render},
        report::{Report, Severity, baseline::Baseline},
    },
    error::{Error, ErrorKind, Result},
    files::Readers,
    output::{Format, Listing},
    run,
    suggest::unknown_name,
};

/// Arguments of `audit` without a subcommand.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Print the report in this format: plain, json, sarif, junit, markdown, github, html.
    #[arg(long, value_name = "FORMAT", value_parser = format, conflicts_with = "output")]
    format: Option<ReportFormat>,

    /// Also write the report to this file; - for stdout. The format is set by --format, or else
    /// by the file extension.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    verdict: VerdictArgs,

    /// Show the full matrix, regardless of the number of tables.
    #[arg(long)]
    matrix: bool,
}

/// Arguments that decide the exit code.
#[derive(Args, Clone, Debug)]
pub(super) struct VerdictArgs {
    /// Exit with code 10 at this severity or higher: critical, high, medium, low, info, or never.
    #[arg(long, value_name = "SEVERITY", value_parser = fail_on)]
    fail_on: Option<FailOn>,

    /// Also exit with code 10 if any check was skipped.
    #[arg(long)]
    fail_on_skipped: bool,

    /// File with accepted findings. Default: the one in the [audit] section.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

/// Lowest severity at which a finding is a failure.
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
            // --report already wrote it to the file.
            Some(_) if self.report.is_some() => {}
            Some(format) => app.printer.raw(&render(&report, &checks, format)?)?,
            None => show(app, &report, self.matrix).await?,
        }
        self.verdict.judge(app, &report)
    }
}

/// Prints a report in the format of `--output`. CSV and NDJSON contain one record per finding.
pub(super) async fn show(app: &App, report: &Report, whole_matrix: bool) -> Result<()> {
    let printer = &app.printer;
    if !matches!(printer.format(), Format::Csv | Format::Ndjson) {
        return printer.view(&ReportView::new(report).whole_matrix(whole_matrix));
    }
    let findings = Listing::of(report.findings.clone(), "no findings");
    printer.list(findings).await?;
    // These formats cannot contain skipped checks, which must not be mistaken for passed ones.
    if report.summary.skipped > 0 {
        printer.warn(format!(
            "{} skipped (not passed): use -o json to list them with reasons",
            report.summary.skipped
        ));
    }
    Ok(())
}

impl VerdictArgs {
    /// Audits the database and marks the findings that the baseline accepts as suppressed.
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

    /// Reads the baseline, if a file is configured.
    pub(super) fn read_baseline(&self, app: &App) -> Result<Option<Baseline>> {
        let file = match &self.baseline {
            Some(file) => Some(file),
            None => app.config()?.audit.baseline.as_ref(),
        };
        file.map(|file| files::read_baseline(file)).transpose()
    }

    /// Decides the exit code.
    ///
    /// # Errors
    /// `Finding` if a finding is at least as severe as `--fail-on`.
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
            format!("{count} {noun} {verb} {from} or higher"),
        );
        let error = match report.findings.first() {
            Some(worst) => {
                error.hint(run!["audit", "explain", worst.check].labeled("explain the first one"))
            }
            None => error,
        };
        Err(match report.findings.iter().any(|one| one.fix.mechanical) {
            true => error.hint(run!["audit", "fix"].labeled("generate fixes")),
            false => error,
        })
    }

    /// Fails for skipped checks if `--fail-on-skipped` is set.
    fn judge_skipped(&self, report: &Report) -> Result<()> {
        if !self.fail_on_skipped || report.skipped.is_empty() {
            return Ok(());
        }
        let count = report.skipped.len();
        let noun = if count == 1 {
            "check was"
        } else {
            "checks were"
        };
        Err(Error::new(
            ErrorKind::Finding,
            format!("no findings, but {count} {noun} skipped"),
        )
        .hint("see the report for the reasons")
        .hint(run!["audit", "role"].labeled("create an auditor role to run skipped probes")))
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
            "cannot infer the report format from the file name {}",
            path.display()
        ))
        .hint("use the extension .json, .sarif, .xml, .md, .html or .txt, or add --format")),
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
