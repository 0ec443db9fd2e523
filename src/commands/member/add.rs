//! `member add`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    cli::{complete, values},
    commands::missing,
    context::App,
    domain::{Email, Role},
    error::Result,
    services::members,
};

/// Make somebody who signed up a member, without an invitation.
///
/// The platform operator's alone: it tells whether an address is known to the platform. An
/// organization's own people invite instead: `tenantctl invite create EMAIL --role ROLE`. An
/// invitation that waits for the address is revoked.
///
/// Examples:
///   tenantctl member add sam@harbor.example --role admin
///   tenantctl member add sam@harbor.example --role admin --org harbor-clinic --if-not-exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct AddArgs {
    /// Their e-mail address.
    #[arg(value_parser = values::email)]
    email: Email,

    /// Their role.
    #[arg(long, value_parser = values::role, add = ArgValueCompleter::new(complete::roles))]
    role: Option<Role>,

    /// Where they are a member with that role already, show them, and succeed.
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
