//! `org purge`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    commands::complete,
    domain::TableChange,
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::purge,
};

/// Permanently remove a deleted organization and all of its rows.
///
/// Shows the number of rows per table, then prompts you to type the slug. A purge cannot be undone.
/// The platform's activity log records the purge with its time, actor and counts.
///
/// Examples:
///   tenantctl org purge harbor-clinic --dry-run
///   tenantctl org purge harbor-clinic
///   tenantctl org purge harbor-clinic --now --confirm=harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct PurgeArgs {
    /// Slug or ID of the organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: String,

    /// Purge even before the earliest purge date.
    #[arg(long)]
    now: bool,
}

impl PurgeArgs {
    pub(super) async fn run(self, app: &App) -> Result<PurgedView> {
        let session = app.session().await?;
        session.require_operator("purge an organization")?;
        let found = app.organization(&session, Some(&self.organization)).await?;
        let slug = found.slug.to_string();
        let counts = purge::preview(&session, &found, self.now).await?;
        let rows: i64 = counts.iter().map(|table| table.deleted).sum();
        app.announce(&format!(
            "about to permanently remove organization {slug} ({}): {}",
            found.name,
            summary(&counts)
        ))?;
        let confirmed = if app.global.dry_run {
            crate::confirm::Confirmed::by_flag()
        } else {
            let what = format!("{rows} rows will be permanently deleted");
            app.printer
                .prompter()
                .type_to_confirm(&what, &slug, &app.assent().await?)?
        };
        let removed = purge::purge(&session, &found, self.now, confirmed).await?;
        Ok(PurgedView {
            slug,
            id: found.id.to_string(),
            removed: removed
                .into_iter()
                .map(|table| Removed {
                    table: table.table,
                    rows: table.deleted,
                })
                .collect(),
        })
    }
}

fn summary(counts: &[TableChange]) -> String {
    let counts: Vec<String> = counts
        .iter()
        .filter(|table| table.deleted > 0)
        .map(|table| format!("{} {}", table.deleted, table.table))
        .collect();
    counts.join(", ")
}

#[derive(Serialize)]
pub(super) struct PurgedView {
    slug: String,
    id: String,
    removed: Vec<Removed>,
}

#[derive(Serialize)]
struct Removed {
    table: String,
    rows: i64,
}

impl View for PurgedView {
    fn human(&self, page: &mut Page) {
        let rows: Vec<_> = self
            .removed
            .iter()
            .map(|removed| vec![removed.table.as_str().into(), removed.rows.into()])
            .collect();
        page.table(&["TABLE", "ROWS REMOVED"], &rows);
    }

    fn summary(&self) -> Option<String> {
        Some(format!("purged organization {}", self.slug))
    }

    fn next(&self) -> Vec<Hint> {
        vec![run![
            "activity",
            "list",
            "--platform",
            "--action",
            "organization.purge"
        ]]
    }
}
