//! `invite show`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::InvitationView;
use crate::{
    app::App,
    commands::complete,
    error::Result,
    output::{Page, View},
    services::invitations,
};

/// Show an invitation: its status, inviter and expiry. The link is not stored.
///
/// Examples:
///   tenantctl invite show sam@harbor.example
///   tenantctl invite show 01890a5d-ac96-774b-bcce-b302099a8057 -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The invited email address (its pending or else its newest invitation), or the invitation's ID.
    #[arg(value_name = "EMAIL|ID", add = ArgValueCompleter::new(complete::invitations))]
    invitation: String,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<InvitationDetailsView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let found = invitations::show(&session, organization.id, &self.invitation).await?;
        Ok(InvitationDetailsView {
            organization: organization.slug.to_string(),
            invitation: InvitationView::new(found, &organization, session.now()),
        })
    }
}

#[derive(Serialize)]
pub(super) struct InvitationDetailsView {
    organization: String,
    #[serde(flatten)]
    invitation: InvitationView,
}

impl View for InvitationDetailsView {
    fn human(&self, page: &mut Page) {
        self.invitation.fields(page);
        page.field("Organization", &self.organization);
    }
}
