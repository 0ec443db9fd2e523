//! `tenantctl access`: permission checks.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    commands::complete,
    domain::{Email, Permission, Role},
    error::{Error, Result},
    output::{Page, View},
    run,
    services::access::{self, Decision},
};

/// Check what a user is allowed to do in an organization.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    Check(CheckArgs),
}

impl AccessCommand {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// `Refused` if the user lacks the permission.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Check(args) => args.run(app).await,
        }
    }
}

/// Check whether a user has a permission in an organization, and why.
///
/// The decision is printed to stdout either way. The exit code is 0 if the user has the permission
/// and 5 if not, for use in scripts; 5 with nothing on stdout means that the caller is not allowed
/// to run the check.
///
/// Examples:
///   tenantctl access check --user sam@harbor.example --permission channels.edit
///   tenantctl access check --user sam@harbor.example --permission patients.read -q && echo yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CheckArgs {
    /// Email address of the user.
    #[arg(long, value_name = "EMAIL", value_parser = values::email, add = ArgValueCompleter::new(complete::members))]
    user: Email,

    /// Permission to check; `tenantctl role show owner` lists all of them.
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

/// The error that sets the exit code when the permission is missing.
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
        Some(role) => {
            error.hint(run!["role", "show", role].labeled("see the permissions of the role"))
        }
        None => {
            error.hint(run!["member", "list", "--org", organization].labeled("list the members"))
        }
    })
}

#[derive(Serialize)]
struct DecisionView {
    allowed: bool,
    organization: String,
    user: String,
    permission: Permission,
    /// `None` if the user is not a member.
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
