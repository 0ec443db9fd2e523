//! `db protect` and `db unprotect`

use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    confirm::Confirmed,
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::protection,
};

/// Protect the database: destructive commands then require --confirm.
///
/// The protection is stored in the database itself, so that it applies regardless of the URL by
/// which the database is reached. `protected = true` in a profile has the same effect. With either,
/// --yes is not sufficient to delete or purge: use --confirm=NAME, or type the name.
///
/// Examples:
///   tenantctl --profile production db protect --label production
///   tenantctl db protect
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ProtectArgs {
    /// A label; by default, the name of the database.
    #[arg(long, value_name = "NAME", value_parser = values::name)]
    label: Option<String>,
}

impl ProtectArgs {
    pub(super) async fn run(self, app: &App) -> Result<ProtectionView> {
        let session = app.session().await?;
        let target = app.target()?;
        let label = self.label.unwrap_or_else(|| target.database_name());
        let changed = protection::protect(&session, &label).await?;
        Ok(ProtectionView {
            database: target.place(),
            protected: true,
            label: Some(label),
            changed,
        })
    }
}

/// Remove the protection of the database. Prompts for its label.
///
/// Examples:
///   tenantctl --profile production db unprotect
///   tenantctl --profile production db unprotect --confirm production
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UnprotectArgs {}

impl UnprotectArgs {
    pub(super) async fn run(self, app: &App) -> Result<ProtectionView> {
        let session = app.session().await?;
        let changed = match protection::show(&session).await? {
            None => false,
            Some(found) => {
                let confirmed = match app.global.dry_run {
                    true => Confirmed::by_flag(),
                    false => app.printer.prompter().type_to_confirm(
                        "remove the protection",
                        &found.label,
                        &app.assent().await?,
                    )?,
                };
                protection::unprotect(&session, confirmed).await?
            }
        };
        Ok(ProtectionView {
            database: app.target()?.place(),
            protected: false,
            label: None,
            changed,
        })
    }
}

#[derive(Serialize)]
pub(super) struct ProtectionView {
    /// The database for display, without its password.
    database: String,
    protected: bool,
    label: Option<String>,
    /// `false` if nothing changed.
    changed: bool,
}

impl View for ProtectionView {
    fn human(&self, page: &mut Page) {
        page.field("Database", &self.database)
            .field("Protected", self.protected)
            .optional_field("Label", self.label.as_ref());
    }

    fn summary(&self) -> Option<String> {
        Some(
            match (self.changed, self.protected) {
                (true, true) => "protected: destructive commands require --confirm",
                (true, false) => "removed the protection",
                (false, true) => "already protected; nothing was changed",
                (false, false) => "not protected; nothing was changed",
            }
            .to_owned(),
        )
    }

    fn next(&self) -> Vec<Hint> {
        match (self.changed, self.protected) {
            (true, true) => vec![run!["db", "unprotect"].labeled("undo")],
            (true, false) => vec![run!["db", "protect"].labeled("undo")],
            (false, _) => Vec::new(),
        }
    }
}
