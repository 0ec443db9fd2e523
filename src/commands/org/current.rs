//! `org use`, `current` and `unset`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    cli::complete,
    config::ChosenOrganization,
    context::App,
    error::{Error, Result},
    output::{Page, View},
    run,
};

/// Choose the organization that later commands work in. It is remembered per database.
///
/// Examples:
///   tenantctl org use harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UseArgs {
    /// Its slug or id.
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
                "now working in {}, in {}",
                found.slug,
                target.describe()
            )),
        })
    }
}

/// Show which organization commands work in, and why.
///
/// Examples:
///   tenantctl org current
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CurrentArgs {}

impl CurrentArgs {
    pub(super) async fn run(self, app: &App) -> Result<CurrentView> {
        let named = app.named_organization()?.ok_or_else(|| {
            Error::not_found("no organization is chosen")
                .hint(run!["org", "use", "SLUG"].labeled("choose one"))
        })?;
        // Looked up: its slug may have changed since it was chosen.
        let found = named.resolve(&app.session().await?).await?;
        Ok(CurrentView {
            organization: Some(found.slug.to_string()),
            from: named.source().to_owned(),
            summary: None,
        })
    }
}

/// Forget the organization that was chosen with `org use`.
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
                Some(chosen) => format!("no longer working in {}", chosen.slug),
                None => "no organization was chosen; nothing was changed".to_owned(),
            }),
        })
    }
}

#[derive(Serialize)]
pub(super) struct CurrentView {
    organization: Option<String>,
    /// Where it was named.
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
