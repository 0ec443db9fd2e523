//! `member remove`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    commands::complete,
    confirm::Confirmed,
    domain::{Actor, Member, Organization, Role},
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::members::{self, Removal},
};

/// Remove a member from an organization. Any member can leave, except the last owner.
///
/// The user account and its other memberships are kept; a pending invitation is revoked. Prompts
/// for confirmation; in a protected profile or database, the address must be typed.
///
/// Examples:
///   tenantctl member remove sam@harbor.example
///   tenantctl member remove sam@harbor.example --org harbor-clinic --if-exists --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RemoveArgs {
    /// The member's email address or user ID.
    #[arg(value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::members))]
    member: String,

    /// Succeed even if the user is not a member.
    #[arg(long)]
    if_exists: bool,
}

impl RemoveArgs {
    pub(super) async fn run(self, app: &App) -> Result<RemovedView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let confirmed =
            match members::before_removal(&session, organization.id, &self.member).await? {
                Some(member) => confirm(app, &organization, &member).await?,
                // Without a member to remove, no prompt is needed.
                None => Confirmed::by_flag(),
            };
        let removal = members::remove(
            &session,
            organization.id,
            &self.member,
            self.if_exists,
            confirmed,
        )
        .await?;
        Ok(RemovedView::new(removal, self.member, &session.actor))
    }
}

async fn confirm(app: &App, organization: &Organization, member: &Member) -> Result<Confirmed> {
    if app.global.dry_run {
        return Ok(Confirmed::by_flag());
    }
    let (slug, email) = (&organization.slug, member.email.as_str());
    app.announce(&format!(
        "about to remove {email} ({}, {}) from {slug}",
        member.name, member.role
    ))?;
    let prompter = app.printer.prompter();
    let assent = app.assent().await?;
    if assent.confirm.is_some() || assent.protected.is_some() {
        let what = format!("the member loses all access to {slug} immediately");
        prompter.type_to_confirm(&what, email, &assent)
    } else {
        let question = assent.placed(&format!("remove {email} from {slug}"));
        let question = format!("{question}?");
        prompter.confirm(&question, "--yes", assent.yes)
    }
}

#[derive(Serialize)]
pub(super) struct RemovedView {
    /// `false` if the user was not a member.
    changed: bool,
    organization: String,
    /// The member as given on the command line, if not a member.
    email: String,
    user_id: Option<String>,
    previous_role: Option<Role>,
    /// ID of the pending invitation that was revoked.
    revoked_invitation: Option<String>,
    #[serde(skip)]
    next: Vec<Hint>,
}

impl RemovedView {
    fn new(removal: Removal, asked_for: String, actor: &Actor) -> Self {
        let removed = removal.removed;
        let undo = removed
            .as_ref()
            .and_then(|member| undo(actor, &removal.organization, member));
        Self {
            next: undo.into_iter().collect(),
            changed: removed.is_some(),
            organization: removal.organization.slug.to_string(),
            email: removed
                .as_ref()
                .map_or(asked_for, |member| member.email.to_string()),
            user_id: removed.as_ref().map(|member| member.user_id.to_string()),
            previous_role: removed.map(|member| member.role),
            revoked_invitation: removal
                .revoked_invitation
                .map(|invitation| invitation.id.to_string()),
        }
    }
}

/// The undo command, if the caller may run it: only the operator can add a member directly, and a
/// user who left has no rights in the organization.
fn undo(actor: &Actor, organization: &Organization, member: &Member) -> Option<Hint> {
    let (email, role, slug) = (&member.email, member.role, &organization.slug);
    let command = match actor.user_id() {
        None => run!["member", "add"],
        Some(user) if user != member.user_id => run!["invite", "create"],
        Some(_) => return None,
    };
    let member = [
        email.as_str(),
        "--role",
        role.as_str(),
        "--org",
        slug.as_str(),
    ];
    Some(command.args(member).labeled("undo"))
}

impl View for RemovedView {
    fn human(&self, page: &mut Page) {
        page.field("Email", &self.email)
            .field("Organization", &self.organization)
            .optional_field("Was", self.previous_role.map(Role::as_str));
    }

    fn summary(&self) -> Option<String> {
        let (email, organization) = (&self.email, &self.organization);
        Some(match (self.changed, &self.revoked_invitation) {
            (false, _) => {
                format!("{email} is not a member of {organization}; nothing was changed")
            }
            (true, None) => format!("removed {email} from {organization}"),
            (true, Some(_)) => {
                format!("removed {email} from {organization}; revoked the pending invitation")
            }
        })
    }

    fn next(&self) -> Vec<Hint> {
        self.next.clone()
    }
}
