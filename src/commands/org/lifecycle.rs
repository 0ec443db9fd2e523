//! `org suspend`, `resume`, `delete` and `restore`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::update::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::complete,
    confirm::Confirmed,
    domain::{Actor, Organization, OrganizationStatus, Slug},
    error::{ErrorKind, Result},
    hint::Hint,
    run,
    services::{
        Session,
        organizations::{self, Restored, Retention},
    },
};

/// Suspend an organization: block its members and channels until it is resumed.
///
/// Members lose access, webhooks and web chat respond as if the channels were disabled, and mail is
/// held back. Data is kept. Prompts for confirmation; on a protected database, the slug must be
/// typed.
///
/// Examples:
///   tenantctl org suspend harbor-clinic
///   tenantctl org suspend harbor-clinic --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SuspendArgs {
    /// Slug or ID of the organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: String,
}

impl SuspendArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        session.require_operator("suspend an organization")?;
        let found = app.organization(&session, Some(&self.organization)).await?;
        let confirmed = confirm_suspension(app, &found).await?;
        let changed = organizations::suspend(&session, found.id, confirmed).await?;
        let next = vec![run!["org", "resume", changed.after.slug].labeled("undo")];
        Ok(ChangedView::new(changed, "suspended", next))
    }
}

/// Prompts for confirmation, unless nothing would change.
async fn confirm_suspension(app: &App, organization: &Organization) -> Result<Confirmed> {
    if organization.status != OrganizationStatus::Active || app.global.dry_run {
        return Ok(Confirmed::by_flag());
    }
    let slug = organization.slug.as_str();
    app.announce(&format!(
        "about to suspend organization {slug} ({}): members lose access, webhooks and web chat are \
         disabled, mail is held back",
        organization.name
    ))?;
    let prompter = app.printer.prompter();
    let assent = app.assent().await?;
    if assent.confirm.is_some() || assent.protected.is_some() {
        prompter.type_to_confirm("all of this takes effect immediately", slug, &assent)
    } else {
        let question = assent.placed(&format!("suspend organization {slug}"));
        let question = format!("{question}?");
        prompter.confirm(&question, "--yes", assent.yes)
    }
}

/// Resume a suspended organization.
///
/// Examples:
///   tenantctl org resume harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ResumeArgs {
    /// Slug or ID of the organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: String,
}

impl ResumeArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        session.require_operator("resume an organization")?;
        let found = app.organization(&session, Some(&self.organization)).await?;
        let changed = organizations::resume(&session, found.id).await?;
        let next = vec![run!["org", "suspend", changed.after.slug].labeled("undo")];
        Ok(ChangedView::new(changed, "resumed", next))
    }
}

/// Soft-delete an organization. It can be restored until it is purged.
///
/// Prompts you to type the slug. The earliest purge date is set by purge_after_days in the
/// configuration or by --keep-days; an owner can choose more days, but not fewer.
///
/// Examples:
///   tenantctl org delete harbor-clinic
///   tenantctl org delete harbor-clinic --yes --if-exists --keep-days 90
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// Slug or ID of the organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: String,

    /// Days to keep the data. Default: purge_after_days in the configuration.
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true, value_parser = values::whole_number::<u32>(0..=3650))]
    keep_days: Option<u32>,

    /// Succeed even if the organization does not exist or is already deleted.
    #[arg(long)]
    if_exists: bool,
}

impl DeleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<DeletedView> {
        let session = app.session().await?;
        let retention = Retention {
            standard_days: app.config()?.organizations.purge_after_days,
            asked_days: self.keep_days,
        };
        let found = match self.find(app, &session, retention).await {
            Err(error) if error.kind() == ErrorKind::NotFound && self.if_exists => {
                return Ok(DeletedView::Absent {
                    organization: self.organization,
                    changed: false,
                });
            }
            found => found?,
        };
        let confirmed = confirm_deletion(app, &found).await?;
        let changed = organizations::delete(&session, found.id, retention, confirmed).await?;
        let next = after_deletion(&session.actor, &changed.after.slug);
        Ok(DeletedView::Deleted(Box::new(ChangedView::new(
            changed, "deleted", next,
        ))))
    }

    /// Returns the organization if the caller may delete it.
    async fn find(
        &self,
        app: &App,
        session: &Session,
        retention: Retention,
    ) -> Result<Organization> {
        let found = app.organization(session, Some(&self.organization)).await?;
        organizations::before_delete(session, found.id, retention).await
    }
}

/// The next steps available to the caller after a deletion.
fn after_deletion(actor: &Actor, slug: &Slug) -> Vec<Hint> {
    match actor {
        Actor::Operator { .. } => vec![
            run!["org", "restore", slug].labeled("undo"),
            run!["org", "purge", slug],
        ],
        Actor::User { .. } => {
            vec![format!("undo: ask the platform operator to restore {slug}; users cannot").into()]
        }
    }
}

/// Prompts for confirmation, unless nothing would change.
async fn confirm_deletion(app: &App, organization: &Organization) -> Result<Confirmed> {
    if organization.status == OrganizationStatus::Deleted || app.global.dry_run {
        return Ok(Confirmed::by_flag());
    }
    let slug = organization.slug.as_str();
    app.announce(&format!(
        "about to delete organization {slug} ({})",
        organization.name
    ))?;
    app.printer.prompter().type_to_confirm(
        "the data is kept until it is purged",
        slug,
        &app.assent().await?,
    )
}

/// The result of `org delete`.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(super) enum DeletedView {
    Deleted(Box<ChangedView>),
    Absent { organization: String, changed: bool },
}

impl crate::output::View for DeletedView {
    fn human(&self, page: &mut crate::output::Page) {
        if let Self::Deleted(view) = self {
            view.human(page);
        }
    }

    fn summary(&self) -> Option<String> {
        match self {
            Self::Deleted(view) => view.summary(),
            Self::Absent { organization, .. } => Some(format!(
                "organization {organization} not found; nothing was changed"
            )),
        }
    }

    fn next(&self) -> Vec<Hint> {
        match self {
            Self::Deleted(view) => view.next(),
            Self::Absent { .. } => Vec::new(),
        }
    }
}

/// Restore a deleted organization that has not been purged.
///
/// Examples:
///   tenantctl org restore harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RestoreArgs {
    /// Slug or ID of the organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: String,
}

impl RestoreArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        session.require_operator("restore an organization")?;
        let found = app.organization(&session, Some(&self.organization)).await?;
        let Restored { changed, waiting } = organizations::restore(&session, found.id).await?;
        let slug = &changed.after.slug;
        let mut next = vec![run!["org", "delete", slug].labeled("undo")];
        if !waiting.is_empty() {
            next.push(run!["channel", "claim", "list", "--of", slug]);
        }
        Ok(ChangedView::new(changed, "restored", next).with_claims(waiting))
    }
}
