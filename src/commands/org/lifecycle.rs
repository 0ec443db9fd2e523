//! `org suspend`, `resume`, `delete` and `restore`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::update::ChangedView;
use crate::{
    cli::{complete, values},
    confirm::Confirmed,
    context::App,
    domain::{Actor, Organization, OrganizationStatus, Slug},
    error::{ErrorKind, Result},
    hint::Hint,
    run,
    services::{
        Session,
        organizations::{self, Restored, Retention},
    },
};

/// Shut an organization's users out and silence its channels, until it is resumed.
///
/// Its members can do nothing, its webhooks and web chat are answered as if they were off, and its
/// mail waits. The data stays. Asks first; on a protected database the slug has to be typed.
///
/// Examples:
///   tenantctl org suspend harbor-clinic
///   tenantctl org suspend harbor-clinic --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SuspendArgs {
    /// Its slug or id.
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

/// Nothing is asked where there is nothing to lose.
async fn confirm_suspension(app: &App, organization: &Organization) -> Result<Confirmed> {
    if organization.status != OrganizationStatus::Active || app.global.dry_run {
        return Ok(Confirmed::by_flag());
    }
    let slug = organization.slug.as_str();
    app.announce(&format!(
        "about to suspend organization {slug} ({}): its members are shut out, its webhooks and web \
         chat are not answered, its mail waits",
        organization.name
    ))?;
    let prompter = app.printer.prompter();
    let assent = app.assent().await?;
    if assent.confirm.is_some() || assent.protected.is_some() {
        prompter.type_to_confirm("all of this stops at once", slug, &assent)
    } else {
        let question = assent.placed(&format!("suspend organization {slug}"));
        let question = format!("{question}?");
        prompter.confirm(&question, "--yes", assent.yes)
    }
}

/// End a suspension.
///
/// Examples:
///   tenantctl org resume harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ResumeArgs {
    /// Its slug or id.
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

/// Delete an organization softly: its data stays until it is purged, and it can be restored.
///
/// Asks for the slug to be typed. The date from which it may be purged comes from
/// purge_after_days of the configuration, or from --keep-days; an owner may ask for more days
/// than that, not for fewer.
///
/// Examples:
///   tenantctl org delete harbor-clinic
///   tenantctl org delete harbor-clinic --yes --if-exists --keep-days 90
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// Its slug or id.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: String,

    /// Days to keep the data for. Otherwise: purge_after_days of the configuration.
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true, value_parser = values::whole_number::<u32>(0..=3650))]
    keep_days: Option<u32>,

    /// Succeed where there is no such organization, or it is deleted already.
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

    /// The organization, where the caller may delete it.
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

/// The way back, as far as it is the caller's.
fn after_deletion(actor: &Actor, slug: &Slug) -> Vec<Hint> {
    match actor {
        Actor::Operator { .. } => vec![
            run!["org", "restore", slug].labeled("undo"),
            run!["org", "purge", slug],
        ],
        Actor::User { .. } => {
            vec![format!("undo: ask the platform operator to restore {slug}; no user can").into()]
        }
    }
}

/// Nothing is asked where there is nothing to lose.
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
        "the data stays until it is purged",
        slug,
        &app.assent().await?,
    )
}

/// What `org delete` came to.
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
                "there is no organization {organization}; nothing was changed"
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

/// Take a deletion back, before the purge.
///
/// Examples:
///   tenantctl org restore harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RestoreArgs {
    /// Its slug or id.
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
