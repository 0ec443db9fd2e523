//! `audit fix`

use std::{collections::BTreeSet, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::{run::VerdictArgs, scope::ScopeArgs};
use crate::{
    app::App,
    audit::{
        self,
        report::{Finding, Phase, migration::Migration},
    },
    error::{Error, Result},
    files::Readers,
    output::{Page, View},
};

/// Generate a migration that fixes findings.
///
/// Audits the database and prints the statements that are safe to apply automatically, ordered by
/// dependency. Fixes that need a decision are included as comments. Without --apply nothing is
/// executed. With it, the statements run in one transaction and the database is audited again.
///
/// Examples:
///   tenantctl audit fix > migrations/0042_isolation.sql
///   tenantctl audit fix --only catalog --write fix.sql
///   tenantctl audit fix --apply --dry-run
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct FixArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    #[command(flatten)]
    verdict: VerdictArgs,

    /// Write the migration to this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Run the migration in one transaction, then audit again.
    #[arg(long)]
    apply: bool,
}

impl FixArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        if app.global.dry_run && !self.apply {
            return Err(Error::usage("audit fix changes nothing without --apply")
                .hint("remove --dry-run, or add --apply"));
        }
        if let Some(path) = &self.write {
            app.expect_writable(path)?;
        }
        let report = self.verdict.audit(app, self.scope.clone()).await?;
        let known: BTreeSet<String> = fingerprints(&report.findings).collect();
        let migration = Migration::of(&that_apply(report.findings));
        if let Some(path) = &self.write {
            let sql = migration.to_sql();
            app.write_file(path, &sql, Readers::Usual, "the migration")?;
        }
        if !self.apply {
            return app.printer.view(&MigrationView::new(&migration, None));
        }
        self.apply(app, &migration, &known).await
    }

    async fn apply(self, app: &App, migration: &Migration, known: &BTreeSet<String>) -> Result<()> {
        let count = migration.steps.len();
        if count == 0 {
            return app
                .printer
                .view(&MigrationView::new(migration, Some(Applied::Nothing)));
        }
        let (sessions, options) = self.scope.clone().resolve(app)?;
        if app.global.dry_run {
            audit::apply(&sessions.catalog, options.limits, &migration.steps, false).await?;
            return app
                .printer
                .view(&MigrationView::new(migration, Some(Applied::RolledBack)));
        }
        let target = app.target()?.describe();
        app.announce(&format!(
            "about to apply {} to the schema",
            statements(count)
        ))?;
        for step in &migration.steps {
            app.printer.note(&step.sql);
        }
        let assent = app.assent().await?;
        let confirmed = app.printer.prompter().type_to_confirm(
            &format!("to change {target} with {}", statements(count)),
            "apply",
            &assent,
        )?;
        audit::apply(&sessions.catalog, options.limits, &migration.steps, true).await?;
        drop(confirmed);
        app.printer
            .view(&MigrationView::new(migration, Some(Applied::Committed)))?;
        let after = self.verdict.audit(app, self.scope).await?;
        app.printer.note(match after.findings.len() {
            0 => "audited again: no findings remain".to_owned(),
            1 => "audited again: 1 finding remains".to_owned(),
            left => format!("audited again: {left} findings remain"),
        });
        for line in new_findings(known, &after.findings, migration) {
            app.printer.note(line);
        }
        self.verdict.judge(app, &after)
    }
}

fn fingerprints(findings: &[Finding]) -> impl Iterator<Item = String> {
    findings.iter().map(|finding| finding.fingerprint.clone())
}

/// Maximum number of new findings that are listed.
const NAMED: usize = 8;

/// Lists the findings that only the second audit reports. Policies that were not in force for the
/// application were not checked by the first: their problems appear once row-level security is on.
fn new_findings(known: &BTreeSet<String>, after: &[Finding], migration: &Migration) -> Vec<String> {
    let is_new = |finding: &&Finding| !known.contains(&finding.fingerprint);
    let new: Vec<&Finding> = after.iter().filter(is_new).collect();
    let is_enforced = |finding: &&&Finding| {
        let switched = migration.steps.iter();
        switched
            .filter(|step| step.phase == Phase::Security)
            .flat_map(|step| &step.fixes)
            .any(|fixed| fixed.split_once(' ').map(|(_, on)| on) == Some(&finding.object))
    };
    let (enforced, other): (Vec<&Finding>, Vec<&Finding>) = new
        .iter()
        .copied()
        .partition(|finding| is_enforced(&finding));
    let mut lines = Vec::new();
    for (findings, why) in [
        (
            enforced,
            "not detectable before: the policies of these tables were not in force for the \
             application until now, so they were not checked",
        ),
        (other, "not present before"),
    ] {
        if findings.is_empty() {
            continue;
        }
        let noun = match findings.len() {
            1 => "finding",
            _ => "findings",
        };
        lines.push(format!("{} {noun} {why}:", findings.len()));
        let named = findings.iter().take(NAMED);
        lines.extend(named.map(|one| format!("  {} {}: {}", one.check, one.object, one.message)));
        if findings.len() > NAMED {
            let more = findings.len() - NAMED;
            lines.push(format!("  and {more} more"));
        }
    }
    lines
}

fn statements(count: usize) -> String {
    match count {
        1 => "1 statement".to_owned(),
        count => format!("{count} statements"),
    }
}

/// Marks foreign keys that existing rows violate as not mechanical. They cannot be validated until
/// the operator has corrected the rows; the rest of the migration applies without them.
fn that_apply(mut findings: Vec<Finding>) -> Vec<Finding> {
    let violated: Vec<(String, Option<String>)> = findings
        .iter()
        .filter(|finding| finding.check == "data-cross-tenant-reference")
        .map(|finding| (finding.object.clone(), finding.part.clone()))
        .collect();
    for finding in &mut findings {
        let key = (&finding.object, &finding.part);
        if finding.fix.phase == Phase::References
            && violated.iter().any(|(object, part)| key == (object, part))
        {
            finding.fix.mechanical = false;
        }
    }
    findings
}

/// Outcome of `--apply`.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Applied {
    Committed,
    RolledBack,
    Nothing,
}

#[derive(Serialize)]
struct MigrationView<'a> {
    #[serde(flatten)]
    migration: &'a Migration,
    sql: String,
    applied: Option<Applied>,
}

impl<'a> MigrationView<'a> {
    fn new(migration: &'a Migration, applied: Option<Applied>) -> Self {
        Self {
            sql: migration.to_sql(),
            migration,
            applied,
        }
    }
}

impl View for MigrationView<'_> {
    fn human(&self, page: &mut Page) {
        if self.applied.is_none() {
            page.text(&self.sql);
        }
    }

    fn summary(&self) -> Option<String> {
        let count = self.migration.steps.len();
        match self.applied? {
            Applied::Committed => Some(format!("{} applied", statements(count))),
            Applied::RolledBack => Some(format!("{} applied and rolled back", statements(count))),
            Applied::Nothing => Some("nothing can be fixed automatically".to_owned()),
        }
    }
}
