//! `channel list`

use clap::Args;

use super::view::ChannelView;
use crate::{app::App, error::Result, output::Listing, services::channels};

/// List the five channels of the organization.
///
/// Examples:
///   tenantctl channel list
///   tenantctl channel list --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {}

impl ListArgs {
    pub(super) async fn run(self, app: &App) -> Result<Listing<ChannelView>> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (organization, mut channels) = channels::list(&session, organization.id).await?;
        channels.sort_by_key(|channel| channel.configuration.kind);
        let rows = channels
            .into_iter()
            .map(|channel| ChannelView::new(&organization, channel));
        Ok(Listing::of(rows.collect(), "no channels"))
    }
}
