//! `member add`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::{complete, missing},
    domain::{Email, Role},
    error::Result,
    services::members,
};

/// Add an existing user to an organization, without an invitation.
///
/// Only the platform operator can do this, because the result reveals whether an address is known
/// to the platform. Members of the organization send an invitation instead:
/// `tenantctl invite create EMAIL --role ROLE`. A pending invitation for the address is revoked.
///
/// Examples:
///   tenantctl member add sam@harbor.example --role admin
///   tenantctl member add sam@harbor.example --role admin --org harbor-clinic --if-not-exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct AddArgs {
    /// The user's email address.
    #[arg(value_parser = values::email)]
    email: Email,

    /// Role to grant.
    #[arg(long, value_parser = values::role, add = ArgValueCompleter::new(complete::roles))]
    role: Option<Role>,

    /// If the user is already a member with that role, show the member instead of failing.
    #[arg(long)]
    if_not_exists: bool,
}

impl AddArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let role = missing::role(app, self.role, "--role")?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let change = members::add(
            &session,
            organization.id,
            &self.email,
            role,
            self.if_not_exists,
        )
        .await?;
        Ok(change.into())
    }
}
