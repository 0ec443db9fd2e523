//! The page for terminals: inferred tenancy, matrix, findings, counts.

use serde::Serialize;

use super::{
    checks::tone,
    grid, groups,
    wording::{
        acceptance, count, fact, left_out, nothing_found, probe_role, row_count, session,
        severity_label, statement, subject, summary, tenant_key, thousands,
    },
};
use crate::audit::report::{Finding, Report, Scope, TenantSummary};
use crate::output::{Cell, Page, Tone, View, escape};

/// Maximum number of names shown; otherwise only their count.
const NAMES: usize = 8;
/// Maximum number of rows shown per finding.
const ROWS: usize = 5;
/// Number of findings of one check shown with proof and fix; the others are shown by title.
const WHOLE: usize = 3;
const INDENT: &str = "  ";

/// A report for display; in JSON, the report itself.
#[derive(Serialize)]
#[serde(transparent)]
pub struct ReportView<'a> {
    report: &'a Report,
    #[serde(skip)]
    whole_matrix: bool,
}

impl<'a> ReportView<'a> {
    /// Creates the view of a report.
    pub fn new(report: &'a Report) -> Self {
        Self {
            report,
            whole_matrix: false,
        }
    }

    /// `--matrix`: shows all rows of the matrix.
    #[must_use]
    pub fn whole_matrix(mut self, whole: bool) -> Self {
        self.whole_matrix = whole;
        self
    }
}

impl View for ReportView<'_> {
    fn human(&self, page: &mut Page) {
        header(self.report, page);
        tenant(&self.report.tenant, page);
        skipped(self.report, page);
        self.matrix(page);
        findings(self.report, page);
        accepted(self.report, page);
        baseline(self.report, page);
        page.blank();
        let worst = self.report.worst().map_or(Tone::Ok, tone);
        page.line(Cell::new(summary(self.report), worst));
    }
}

fn header(report: &Report, page: &mut Page) {
    let database = &report.database;
    let audited = page.style().time(database.audited_at, None);
    page.heading(format!("Audit of {}", escape::line(&database.name)))
        .field("server", format!("PostgreSQL {}", database.server_version))
        .field("role", one_line(&database.role))
        .field("attacks as", one_line(probe_role(database)))
        .field("audited", audited);
}

fn tenant(tenant: &TenantSummary, page: &mut Page) {
    page.field("tenant", one_line(&tenant_key(tenant)));
    for scope in Scope::ALL {
        let tables: Vec<&str> = tenant
            .tables
            .iter()
            .filter(|table| table.scope == *scope)
            .map(|table| table.table.as_str())
            .collect();
        if !tables.is_empty() {
            page.field(format!("{scope} tables"), names(&tables));
        }
    }
    for actor in &tenant.roles {
        let role = format!("{}: {}", actor.role, actor.why);
        page.field("application", one_line(&role));
    }
    if tenant.roles.is_empty() {
        page.field("application", "no application role found");
    }
    for actor in &tenant.roles_left_out {
        page.field("excluded", one_line(&left_out(actor)));
    }
    page.field("session", one_line(session(tenant)));
    if let [a, b] = tenant.tenants.as_slice() {
        page.field("attack", one_line(&format!("A is {a}, B is {b}")));
    }
}

/// Formats `2: public.a, public.b`, or only the number.
fn names(names: &[&str]) -> String {
    let number = thousands(names.len() as u64);
    if names.len() > NAMES {
        return number;
    }
    let names: Vec<String> = names.iter().map(|name| one_line(name)).collect();
    format!("{number}: {}", names.join(", "))
}

fn skipped(report: &Report, page: &mut Page) {
    if report.skipped.is_empty() {
        return;
    }
    page.heading("Skipped (not checked; does not count as passed)");
    for group in groups::skipped(&report.skipped) {
        let text = format!("{}{}: {}", group.check, group.on(), group.reason);
        wrapped(page, &text, INDENT, Tone::Warn);
    }
}

impl ReportView<'_> {
    fn matrix(&self, page: &mut Page) {
        for mut grid in grid::grids(&self.report.matrix) {
            page.heading(format!("Attempts as {}", escape::line(grid.role)));
            let skipped = grid.skipped();
            let cut = match self.whole_matrix {
                true => grid::Cut::default(),
                false => grid.cut(),
            };
            if !grid.rows.is_empty() {
                page.matrix(&grid.to_matrix());
            }
            for (reason, number) in skipped {
                let tries = count(number as u64, "try");
                let text = format!("{tries} skipped (no proof): {reason}");
                wrapped(page, &text, "", Tone::Warn);
            }
            if let Some(cut) = cut.text() {
                let text = format!("{cut} (use --matrix to show all)");
                page.line(Cell::new(text, Tone::Dim));
            }
        }
    }
}

fn findings(report: &Report, page: &mut Page) {
    page.heading("Findings");
    if let Some(nothing) = nothing_found(report) {
        page.line(nothing);
    }
    for (index, group) in groups::findings(report).iter().enumerate() {
        if index > 0 {
            page.blank();
        }
        let (shown, more) = group.shown();
        let (whole, titles) = shown.split_at(shown.len().min(WHOLE));
        for (index, finding) in whole.iter().enumerate() {
            if index > 0 {
                page.blank();
            }
            self::finding(finding, page);
        }
        if !titles.is_empty() {
            page.blank().line("  likewise:");
        }
        for finding in titles {
            let title = format!("{INDENT}{}", title(finding));
            page.line(Cell::new(title, tone(finding.severity)));
        }
        if more > 0 {
            let text = format!(
                "{INDENT}and {} more of {} (use -o json to show all)",
                thousands(more as u64),
                group.check
            );
            page.line(Cell::new(text, Tone::Bold));
        }
    }
}

fn finding(finding: &Finding, page: &mut Page) {
    page.line(Cell::new(title(finding), tone(finding.severity)));
    wrapped(page, &finding.message, INDENT, Tone::Plain);
    if let Some(location) = &finding.location {
        let place = format!("{INDENT}at: {}:{}", location.file, location.line);
        page.line(place);
    }
    let evidence = &finding.evidence;
    for text in &evidence.facts {
        wrapped(page, &fact(text), INDENT, Tone::Dim);
    }
    if !evidence.statements.is_empty() {
        page.line("  proof:");
        statements(page, &evidence.statements);
    }
    rows(finding, page);
    wrapped(
        page,
        &format!("fix: {}", finding.fix.summary),
        INDENT,
        Tone::Plain,
    );
    statements(page, &finding.fix.sql);
}

/// Formats `CRITICAL  rls-disabled  public.notes  [proven]`.
fn title(finding: &Finding) -> String {
    format!(
        "{:<8}  {}  {}  [{}]",
        severity_label(finding.severity),
        finding.check,
        subject(finding),
        finding.confidence
    )
}

/// Statements to paste: never wrapped. Every line is indented, even inside a name or a value, so
/// that data from the database cannot imitate a line of this page.
fn statements(page: &mut Page, statements: &[String]) {
    for sql in statements {
        let sql = statement(sql);
        for line in escape::block(&sql).lines() {
            page.line(format!("    {line}"));
        }
    }
}

fn rows(finding: &Finding, page: &mut Page) {
    let Some(number) = row_count(finding) else {
        return;
    };
    page.line(format!("{INDENT}{number}"));
    let rows = &finding.evidence.rows;
    for row in rows.iter().take(ROWS) {
        page.line(format!("    {row}"));
    }
    if rows.len() > ROWS {
        let more = rows.len() - ROWS;
        page.line(format!("    and {more} more (use -o json to show all)"));
    }
}

fn accepted(report: &Report, page: &mut Page) {
    if report.suppressed.is_empty() {
        return;
    }
    page.heading("Accepted by the baseline");
    for suppressed in report.suppressed.iter().take(groups::SHOWN_PER_CHECK) {
        let finding = &suppressed.finding;
        page.line(Cell::new(title(finding), Tone::Dim));
        wrapped(page, &acceptance(suppressed), INDENT, Tone::Plain);
    }
    let more = report.suppressed.len() - report.suppressed.len().min(groups::SHOWN_PER_CHECK);
    if more > 0 {
        let more = thousands(more as u64);
        page.line(format!("{INDENT}and {more} more (use -o json to show all)"));
    }
}

fn baseline(report: &Report, page: &mut Page) {
    if report.notes.is_empty() {
        return;
    }
    page.heading("Baseline");
    for note in &report.notes {
        wrapped(page, note, INDENT, Tone::Warn);
    }
}

fn one_line(text: &str) -> String {
    escape::line(text).into_owned()
}

/// Wraps text to the width, indented. Escaped first, because an escaped character is wider.
fn wrapped(page: &mut Page, text: &str, indent: &str, tone: Tone) {
    let width = page.style().width.map_or(usize::MAX, usize::from);
    for line in wrap(&escape::line(text), width.saturating_sub(indent.len())) {
        page.line(Cell::new(format!("{indent}{line}"), tone));
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let width_of = dialoguer::console::measure_text_width;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else {
            break;
        };
        if line.is_empty() {
            line.push_str(word);
        } else if width_of(line) + 1 + width_of(word) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
