//! `db protect` and `db unprotect`

use clap::Args;
use serde::Serialize;

use crate::{
    cli::values,
    confirm::Confirmed,
    context::App,
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::protection,
};

/// Protect the database: nothing in it is destroyed without --confirm.
///
/// The protection is kept in the database itself, so that it holds by whatever URL the database is
/// reached. `protected = true` in a profile adds to it. With it, --yes alone does not agree to
/// deleting or purging: --confirm=NAME, or typing the name, does.
///
/// Examples:
///   tenantctl --profile production db protect --label production
///   tenantctl db protect
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ProtectArgs {
    /// A name for people. Otherwise: the name of the database.
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

/// Remove the protection of the database. Asks for its label.
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
    /// The database in words, without its password.
    database: String,
    protected: bool,
    label: Option<String>,
    /// `false`: it already was.
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
                (true, true) => "protected: destroying anything in it needs --confirm",
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
