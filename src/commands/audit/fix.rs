//! `audit fix`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{files, run::VerdictArgs, scope::ScopeArgs};
use crate::{
    audit,
    context::App,
    domain::audit::{Finding, Phase, migration::Migration},
    error::{Error, Result},
    output::{Page, View},
};

/// Write a migration of the mechanical remedies, in an order that applies.
///
/// Audits, and prints the statements that need no judgement; what a person must decide is there
/// as comments. Nothing runs until --apply is given: then it is one transaction, and the database
/// is audited again.
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

    /// Run it, in one transaction, and audit again.
    #[arg(long)]
    apply: bool,
}

impl FixArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        if app.global.dry_run && !self.apply {
            return Err(Error::usage("audit fix changes nothing without --apply")
                .hint("leave --dry-run out, or give --apply with it"));
        }
        if let Some(path) = &self.write {
            files::expect_writable(path)?;
        }
        let report = self.verdict.audit(app, self.scope.clone()).await?;
        let migration = Migration::of(&that_apply(report.findings));
        if let Some(path) = &self.write {
            files::write(path, &migration.to_sql())?;
            app.printer
                .done(&format!("migration written to {}", path.display()));
        }
        if !self.apply {
            return app.printer.view(&MigrationView::new(&migration, None));
        }
        self.apply(app, &migration).await
    }

    async fn apply(self, app: &App, migration: &Migration) -> Result<()> {
        let count = migration.steps.len();
        if count == 0 {
            return app
                .printer
                .view(&MigrationView::new(migration, Some(Applied::Nothing)));
        }
        let (connect, options) = self.scope.clone().resolve(app)?;
        if app.global.dry_run {
            audit::apply(&connect, options.limits, &migration.steps, false).await?;
            return app
                .printer
                .view(&MigrationView::new(migration, Some(Applied::RolledBack)));
        }
        let target = app.target()?.describe();
        app.announce(&format!("about to run {} on the schema", statements(count)))?;
        for step in &migration.steps {
            app.printer.note(&step.sql);
        }
        let assent = app.assent()?;
        let confirmed = app.printer.prompter().type_to_confirm(
            &format!("to change {target} with {}", statements(count)),
            "apply",
            &assent,
        )?;
        audit::apply(&connect, options.limits, &migration.steps, true).await?;
        drop(confirmed);
        app.printer
            .view(&MigrationView::new(migration, Some(Applied::Committed)))?;
        let after = self.verdict.audit(app, self.scope).await?;
        app.printer.note(&match after.findings.len() {
            0 => "audited again: no finding is left".to_owned(),
            1 => "audited again: 1 finding is left".to_owned(),
            left => format!("audited again: {left} findings are left"),
        });
        self.verdict.judge(app, &after)
    }
}

fn statements(count: usize) -> String {
    match count {
        1 => "1 statement".to_owned(),
        count => format!("{count} statements"),
    }
}

/// A foreign key cannot be validated as long as rows violate it: then it is a person who decides
/// about the rows first, and the rest of the migration applies without it.
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

/// What became of the statements.
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
            Applied::RolledBack => Some(format!("{} applied, and rolled back", statements(count))),
            Applied::Nothing => Some("nothing can be mended mechanically".to_owned()),
        }
    }
}
