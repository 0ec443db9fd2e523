//! `tenantctl access`: may this user do that here, and why?

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    cli::{complete, values},
    context::App,
    domain::{Email, Permission, Role},
    error::{Error, Result},
    output::{Page, View},
    run,
    services::access::{self, Decision},
};

/// Ask what a user may do in an organization.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    Check(CheckArgs),
}

impl AccessCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// What the verb could not do; `Refused` where the answer is no.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Check(args) => args.run(app).await,
        }
    }
}

/// Say whether a user holds a permission in an organization, and why.
///
/// The decision is on stdout either way. The exit code is 0 for yes and 5 for no, so that a
/// script can branch; 5 with nothing on stdout means that the question itself was refused.
///
/// Examples:
///   tenantctl access check --user sam@harbor.example --permission channels.edit
///   tenantctl access check --user sam@harbor.example --permission patients.read -q && echo yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CheckArgs {
    /// The user's e-mail address.
    #[arg(long, value_name = "EMAIL", value_parser = values::email, add = ArgValueCompleter::new(complete::members))]
    user: Email,

    /// The permission; `tenantctl role show owner` lists them all.
    #[arg(long, value_parser = values::permission, add = ArgValueCompleter::new(complete::permissions))]
    permission: Permission,
}

impl CheckArgs {
    async fn run(self, app: &App) -> Result<()> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let decision =
            access::check(&session, organization.id, &self.user, self.permission).await?;
        let denied = denied(
            &self.user,
            self.permission,
            organization.slug.as_str(),
            &decision,
        );
        app.show(DecisionView {
            allowed: decision.allowed,
            organization: organization.slug.to_string(),
            user: self.user.to_string(),
            permission: self.permission,
            role: decision.role,
            reason: decision.reason,
        })
        .await?;
        denied.map_or(Ok(()), Err)
    }
}

/// What turns a no into the exit code.
fn denied(
    user: &Email,
    permission: Permission,
    organization: &str,
    decision: &Decision,
) -> Option<Error> {
    if decision.allowed {
        return None;
    }
    let error = Error::refused(format!("{user} lacks {permission} in {organization}"));
    Some(match decision.role {
        Some(role) => error.hint(run!["role", "show", role].labeled("see what the role allows")),
        None => {
            error.hint(run!["member", "list", "--org", organization].labeled("see who is a member"))
        }
    })
}

#[derive(Serialize)]
struct DecisionView {
    allowed: bool,
    organization: String,
    user: String,
    permission: Permission,
    /// `None`: not a member.
    role: Option<Role>,
    reason: String,
}

impl View for DecisionView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.field(
            "Allowed",
            if self.allowed {
                style.ok("yes")
            } else {
                style.bad("no")
            },
        )
        .field("Why", &self.reason);
    }
}
