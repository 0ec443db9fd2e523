//! `webhook events discard`

use clap::Args;
use uuid::Uuid;

use super::event_view::{ChangedEventView, EventView};
use crate::{app::App, error::Result, run, services::webhooks::events};

/// Discard an event: it is kept, but never processed.
///
/// Example:
///   tenantctl webhook events discard ID --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DiscardArgs {
    /// ID of the event.
    #[arg(value_name = "ID")]
    id: Uuid,
}

impl DiscardArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedEventView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (organization, event) = events::discard(&session, organization.id, self.id).await?;
        Ok(ChangedEventView {
            said: format!("discarded event {}", self.id),
            next: vec![
                run![
                    "webhook",
                    "events",
                    "replay",
                    self.id,
                    "--org",
                    organization.slug
                ]
                .labeled("undo"),
            ],
            event: EventView::new(event, organization.time_zone.tz()),
        })
    }
}
