//! `member role`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    app::App, cli::values, commands::complete, domain::Role, error::Result, services::members,
};

/// Change a member's role. Only an owner can grant the owner role; the last owner cannot be demoted.
///
/// Examples:
///   tenantctl member role sam@harbor.example viewer
///   tenantctl member role sam@harbor.example owner --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RoleArgs {
    /// The member's email address or user ID.
    #[arg(value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::members))]
    member: String,

    /// The new role.
    #[arg(value_parser = values::role, add = ArgValueCompleter::new(complete::roles))]
    role: Role,
}

impl RoleArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let change = members::set_role(&session, organization.id, &self.member, self.role).await?;
        Ok(change.into())
    }
}
