//! `webhook events replay`

use clap::Args;
use uuid::Uuid;

use super::event_view::{ChangedEventView, EventView};
use crate::{app::App, error::Result, run, services::webhooks::events};

/// Process an event again, whatever its status.
///
/// Events are idempotent: processing one twice has no additional effect.
///
/// Example:
///   tenantctl webhook events replay ID --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ReplayArgs {
    /// ID of the event.
    #[arg(value_name = "ID")]
    id: Uuid,
}

impl ReplayArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedEventView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (organization, event) = events::replay(&session, organization.id, self.id).await?;
        Ok(ChangedEventView {
            said: format!("event {} is waiting for a worker", self.id),
            next: vec![run!["serve"].labeled("run a worker")],
            event: EventView::new(event, organization.time_zone.tz()),
        })
    }
}
