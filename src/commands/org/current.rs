//! `org use`, `current` and `unset`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    commands::complete,
    config::ChosenOrganization,
    error::{Error, Result},
    output::{Page, View},
    run,
};

/// Set the current organization for later commands. It is saved per database.
///
/// Examples:
///   tenantctl org use harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UseArgs {
    /// Slug or ID of the organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: String,
}

impl UseArgs {
    pub(super) async fn run(self, app: &App) -> Result<CurrentView> {
        app.refuse_dry_run("org use")?;
        let session = app.session().await?;
        let found = app.organization(&session, Some(&self.organization)).await?;
        let target = app.target()?;
        let chosen = ChosenOrganization {
            id: found.id,
            slug: found.slug.to_string(),
        };
        app.state()?.set(&target.state_key()?, chosen)?;
        Ok(CurrentView {
            organization: Some(found.slug.to_string()),
            from: "org use".to_owned(),
            summary: Some(format!(
                "current organization is now {}, in {}",
                found.slug,
                target.describe()
            )),
        })
    }
}

/// Show the current organization and where it is set.
///
/// Examples:
///   tenantctl org current
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CurrentArgs {}

impl CurrentArgs {
    pub(super) async fn run(self, app: &App) -> Result<CurrentView> {
        let named = app.named_organization()?.ok_or_else(|| {
            Error::not_found("no organization is selected")
                .hint(run!["org", "use", "SLUG"].labeled("select one"))
        })?;
        // Looked up because its slug may have changed since it was selected.
        let found = named.resolve(&app.session().await?).await?;
        Ok(CurrentView {
            organization: Some(found.slug.to_string()),
            from: named.source().to_owned(),
            summary: None,
        })
    }
}

/// Unset the current organization set by `org use`.
///
/// Examples:
///   tenantctl org unset
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UnsetArgs {}

impl UnsetArgs {
    pub(super) async fn run(self, app: &App) -> Result<CurrentView> {
        app.refuse_dry_run("org unset")?;
        let target = app.target()?;
        let forgotten = app.state()?.unset(&target.state_key()?)?;
        Ok(CurrentView {
            organization: None,
            from: "org unset".to_owned(),
            summary: Some(match forgotten {
                Some(chosen) => format!("{} is no longer the current organization", chosen.slug),
                None => "no organization was selected; nothing was changed".to_owned(),
            }),
        })
    }
}

#[derive(Serialize)]
pub(super) struct CurrentView {
    organization: Option<String>,
    /// Source of the setting.
    from: String,
    #[serde(skip)]
    summary: Option<String>,
}

impl View for CurrentView {
    fn human(&self, page: &mut Page) {
        if let Some(organization) = &self.organization {
            let from = page.style().dim(&self.from);
            page.field("Organization", organization).field("From", from);
        }
    }

    fn summary(&self) -> Option<String> {
        self.summary.clone()
    }
}
