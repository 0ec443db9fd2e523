//! A self-contained page: no script, no external resources, readable in light and dark mode and on
//! paper.

use std::collections::BTreeMap;

use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, Value, escape_formatter, value::Serde,
};
use serde::Serialize;

use super::{
    grid::{self, Grid, GridRow},
    groups,
    wording::{
        acceptance, left_out, nothing_found, probe_role, row_count, session, severity_label,
        statement, subject, summary, tenant_key, visible,
    },
};
use crate::audit::report::{
    Check, Finding, Report, RoleSummary, Severity, Suppressed, TableSummary, Verdict,
};
use crate::error::{Context, Result};
use crate::rfc3339;

const TEMPLATE: &str = include_str!("page.html");

/// Writes the page.
pub(super) fn render(report: &Report, checks: &[Check]) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // All values pass through here: first, characters that a browser would hide or reorder become
    // visible, then markup becomes text.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) => escape_formatter(out, state, &Value::from(visible(text))),
        None => escape_formatter(out, state, value),
    });
    let page = environment
        .render_str(TEMPLATE, Serde(PageModel::new(report, checks)))
        .context("the HTML page of the report could not be written")?;
    Ok(page)
}

#[derive(Serialize)]
struct PageModel<'a> {
    database: &'a str,
    facts: Vec<(&'static str, String)>,
    roles: &'a [RoleSummary],
    summary: String,
    nothing_found: Option<String>,
    severities: Vec<SeverityCount>,
    grids: Vec<GridModel<'a>>,
    legend: &'static str,
    findings: Vec<FindingModel<'a>>,
    accepted: Vec<AcceptedModel>,
    notes: &'a [String],
    skipped: Vec<SkipModel<'a>>,
    tables: &'a [TableSummary],
}

#[derive(Serialize)]
struct SeverityCount {
    severity: Severity,
    number: u64,
}

#[derive(Serialize)]
struct GridModel<'a> {
    role: &'a str,
    operations: Vec<&'static str>,
    contexts: Vec<String>,
    rows: Vec<RowModel<'a>>,
}

#[derive(Serialize)]
struct RowModel<'a> {
    object: &'a str,
    cells: Vec<Vec<MarkModel<'a>>>,
}

#[derive(Serialize)]
struct MarkModel<'a> {
    sign: &'static str,
    kind: &'static str,
    /// Set for leaks and skipped attempts; for the rest it would only make the page larger.
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct FindingModel<'a> {
    anchor: String,
    severity: Severity,
    label: String,
    check: &'a str,
    title: Option<&'static str>,
    subject: String,
    confidence: String,
    message: &'a str,
    place: Option<String>,
    facts: &'a [String],
    proof: Vec<String>,
    row_count: Option<String>,
    rows: Vec<String>,
    fix: &'a str,
    fix_sql: Vec<String>,
}

#[derive(Serialize)]
struct AcceptedModel {
    label: String,
    check: String,
    subject: String,
    acceptance: String,
}

#[derive(Serialize)]
struct SkipModel<'a> {
    check: &'a str,
    reason: &'a str,
    objects: Vec<&'a str>,
}

impl<'a> PageModel<'a> {
    fn new(report: &'a Report, checks: &[Check]) -> Self {
        let grids = grid::grids(&report.matrix);
        let skipped = groups::skipped(&report.skipped).into_iter();
        Self {
            database: &report.database.name,
            facts: facts(report),
            roles: &report.tenant.roles,
            summary: summary(report),
            nothing_found: nothing_found(report),
            severities: severities(report),
            grids: grids.into_iter().map(GridModel::new).collect(),
            legend: grid::LEGEND,
            findings: findings(report, checks),
            accepted: report.suppressed.iter().map(AcceptedModel::new).collect(),
            notes: &report.notes,
            skipped: skipped
                .map(|group| SkipModel {
                    check: group.check,
                    reason: group.reason,
                    objects: group.objects,
                })
                .collect(),
            tables: &report.tenant.tables,
        }
    }
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let database = &report.database;
    let tenant = &report.tenant;
    let mut facts = vec![
        ("server", format!("PostgreSQL {}", database.server_version)),
        ("role", database.role.clone()),
        ("attacks as", probe_role(database).to_owned()),
        ("audited", rfc3339::format(&database.audited_at)),
        ("tenant", tenant_key(tenant)),
        ("session", session(tenant).to_owned()),
    ];
    let others = tenant.roles_left_out.iter();
    facts.extend(others.map(|actor| ("excluded", left_out(actor))));
    if let [a, b] = tenant.tenants.as_slice() {
        facts.push(("attack", format!("A is {a}, B is {b}")));
    }
    facts
}

fn severities(report: &Report) -> Vec<SeverityCount> {
    let number = |severity| report.summary.findings.get(&severity).copied();
    Severity::ALL
        .iter()
        .map(|severity| SeverityCount {
            severity: *severity,
            number: number(*severity).unwrap_or_default(),
        })
        .collect()
}

impl<'a> GridModel<'a> {
    fn new(grid: Grid<'a>) -> Self {
        Self {
            role: grid.role,
            operations: grid.operations.iter().map(|one| one.as_str()).collect(),
            contexts: grid
                .contexts
                .iter()
                .map(|one| grid::context(*one))
                .collect(),
            rows: grid.rows.iter().map(RowModel::new).collect(),
        }
    }
}

impl<'a> RowModel<'a> {
    fn new(row: &GridRow<'a>) -> Self {
        let mark = |verdict: Option<&'a Verdict>| {
            let (sign, kind) = grid::sign(verdict);
            let detail = match verdict {
                Some(Verdict::Leak(detail) | Verdict::Skipped(detail)) => Some(detail.as_str()),
                _ => None,
            };
            MarkModel { sign, kind, detail }
        };
        Self {
            object: row.object,
            cells: row
                .cells
                .iter()
                .map(|marks| marks.iter().copied().map(mark).collect())
                .collect(),
        }
    }
}

fn findings<'a>(report: &'a Report, checks: &[Check]) -> Vec<FindingModel<'a>> {
    let mut anchors: BTreeMap<&str, usize> = BTreeMap::new();
    let mut models = Vec::with_capacity(report.findings.len());
    for finding in &report.findings {
        let seen = anchors.entry(&finding.fingerprint).or_default();
        *seen += 1;
        // A link to a finding stays valid from one report to the next.
        let anchor = match *seen {
            1 => format!("f-{}", finding.fingerprint),
            again => format!("f-{}-{again}", finding.fingerprint),
        };
        let check = checks.iter().find(|check| check.id == finding.check);
        models.push(FindingModel::new(finding, anchor, check));
    }
    models
}

impl<'a> FindingModel<'a> {
    fn new(finding: &'a Finding, anchor: String, check: Option<&Check>) -> Self {
        let statements = |all: &[String]| all.iter().map(|sql| statement(sql)).collect();
        let location = finding.location.as_ref();
        Self {
            anchor,
            severity: finding.severity,
            label: severity_label(finding.severity),
            check: &finding.check,
            title: check.map(|check| check.title),
            subject: subject(finding),
            confidence: format!(
                "{}: {}",
                finding.confidence,
                finding.confidence.description()
            ),
            message: &finding.message,
            place: location.map(|place| format!("{}:{}", place.file, place.line)),
            facts: &finding.evidence.facts,
            proof: statements(&finding.evidence.statements),
            row_count: row_count(finding),
            rows: finding
                .evidence
                .rows
                .iter()
                .map(ToString::to_string)
                .collect(),
            fix: &finding.fix.summary,
            fix_sql: statements(&finding.fix.sql),
        }
    }
}

impl AcceptedModel {
    fn new(suppressed: &Suppressed) -> Self {
        let finding = &suppressed.finding;
        Self {
            label: severity_label(finding.severity),
            check: finding.check.clone(),
            subject: subject(finding),
            acceptance: acceptance(suppressed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::render::sample::{self, CHECKS, NASTY};

    fn page(report: &Report) -> String {
        render(report, &CHECKS).unwrap()
    }

    #[test]
    fn no_name_is_markup() {
        let report = sample::report();
        let (nasty, plain) = (page(&report), page(&harmless(&report)));
        for markup in ["<", ">", "\"", "'"] {
            let count = |text: &str| text.matches(markup).count();
            assert_eq!(count(&nasty), count(&plain), "{markup}");
        }
        assert!(nasty.contains("&lt;script&gt;"), "{nasty}");
    }

    /// The same report with a harmless name.
    fn harmless(report: &Report) -> Report {
        let json = serde_json::to_string(report).unwrap();
        let quoted = serde_json::to_string(NASTY).unwrap();
        let json = json.replace(&quoted[1..quoted.len() - 1], "harmless");
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn nothing_is_loaded_and_nothing_runs() {
        let page = page(&sample::report());
        assert!(
            page.contains("default-src 'none'; style-src 'unsafe-inline'"),
            "{page}"
        );
        for forbidden in [
            "<script",
            "<link",
            "<img",
            " src=",
            "@import",
            "url(",
            "javascript:",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        let mut links = page
            .match_indices("href=\"")
            .map(|(at, start)| &page[at + start.len()..]);
        assert!(links.all(|link| link.starts_with('#')));
    }

    #[test]
    fn every_finding_has_an_anchor_of_its_own() {
        let mut report = sample::report();
        report.findings.push(report.findings[0].clone());
        let page = page(&report);
        let first = &report.findings[0].fingerprint;
        for id in [format!("id=\"f-{first}\""), format!("id=\"f-{first}-2\"")] {
            assert_eq!(page.matches(&id).count(), 1, "{id}");
        }
        for finding in &report.findings {
            assert!(page.contains(&format!("href=\"#f-{}\"", finding.fingerprint)));
        }
    }

    #[test]
    fn all_findings_are_on_the_page() {
        let page = page(&sample::many(200));
        assert_eq!(page.matches("<article").count(), 200);
    }

    #[test]
    fn cells_have_a_symbol_beside_their_colour() {
        let page = page(&sample::report());
        for cell in [
            "class=\"leak\"",
            "class=\"skipped\"",
            "<span class=\"blocked\">×</span>",
            "<span class=\"allowed\">✓</span>",
        ] {
            assert!(page.contains(cell), "{cell}: {page}");
        }
    }

    #[test]
    fn nothing_found_is_said() {
        let page = page(&sample::empty());
        assert!(page.contains("No findings."), "{page}");
        assert!(!page.contains("<article"), "{page}");
    }
}
