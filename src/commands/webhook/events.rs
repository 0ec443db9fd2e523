//! `webhook events list`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use uuid::Uuid;

use super::event_view::EventView;
use crate::{
    app::App,
    cli::values,
    commands::{complete, views::PageArgs},
    db::webhooks::events::EventFilter,
    domain::{ChannelKind, webhook_event::EventStatus},
    error::Result,
    output::Listing,
    services::webhooks::events,
};

/// List received events, newest first, without their payloads.
///
/// Examples:
///   tenantctl webhook events list --status dead
///   tenantctl webhook events list --channel retell --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Filter by status: pending, done, dead or discarded.
    #[arg(long, value_name = "STATUS", value_parser = values::event_status)]
    status: Option<EventStatus>,

    /// Filter by channel.
    #[arg(long, value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    channel: Option<ChannelKind>,

    /// Filter by endpoint.
    #[arg(long, value_name = "ID")]
    endpoint: Option<Uuid>,

    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<EventView>> {
        let limit = self.page.limit(app)?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let filter = EventFilter {
            status: self.status,
            channel: self.channel,
            endpoint: self.endpoint,
            before: None,
            limit: PageArgs::fetch(limit),
        };
        let found = events::list(&session, organization.id, &filter).await?;
        let zone = organization.time_zone.tz();
        let rows = found
            .into_iter()
            .map(|event| EventView::new(event, zone))
            .collect();
        let slug = &organization.slug;
        let empty = format!("no events in {slug} match");
        Ok(Listing::of(rows, empty).limit(limit))
    }
}
