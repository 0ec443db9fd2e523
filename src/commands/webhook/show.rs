//! `webhook events show`

use clap::Args;
use uuid::Uuid;

use super::event_view::EventDetailsView;
use crate::{context::App, error::Result, services::webhooks::events};

/// Show an event with what was sent: the body as it came, the headers that are kept, and what
/// proved it.
///
/// It can be about a patient, so the activity log says who looked.
///
/// Example:
///   tenantctl webhook events show ID --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The event.
    #[arg(value_name = "ID")]
    id: Uuid,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<EventDetailsView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let details = events::show(&session, organization.id, self.id).await?;
        Ok(details.into())
    }
}
