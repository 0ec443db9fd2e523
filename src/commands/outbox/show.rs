//! `outbox show`

use clap::Args;
use serde::Serialize;

use super::view::MessageView;
use crate::{
    app::App,
    error::Result,
    output::{Page, View},
    services::outbox,
};

/// Show a message with its status, number of attempts and last error.
///
/// The link is not shown: it is stored encrypted until the message is sent, then deleted.
///
/// Examples:
///   tenantctl outbox show sam@harbor.example
///   tenantctl outbox show 01890a5d-ac96-774b-bcce-b302099a8057 -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// Recipient address (its newest message), or the message's ID.
    #[arg(value_name = "EMAIL|ID")]
    message: String,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<MessageDetailsView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let found = outbox::show(&session, organization.id, &self.message).await?;
        Ok(MessageDetailsView {
            organization: organization.slug.to_string(),
            message: MessageView::new(found, &organization),
        })
    }
}

#[derive(Serialize)]
pub(super) struct MessageDetailsView {
    organization: String,
    #[serde(flatten)]
    message: MessageView,
}

impl View for MessageDetailsView {
    fn human(&self, page: &mut Page) {
        self.message.fields(page);
        page.field("Organization", &self.organization);
    }
}
