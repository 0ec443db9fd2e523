//! `webhook events show`

use clap::Args;
use uuid::Uuid;

use super::event_view::EventDetailsView;
use crate::{app::App, error::Result, services::webhooks::events};

/// Show an event with its payload: the raw body, the stored headers and how it was verified.
///
/// The event can contain patient data, so the activity log records each view.
///
/// Example:
///   tenantctl webhook events show ID --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// ID of the event.
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
