//! `channel enable` and `disable`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::complete,
    domain::{ChannelConfiguration, ChannelKind},
    error::Result,
    services::channels,
};

/// Enable a channel. Warns about missing configuration.
///
/// Examples:
///   tenantctl channel enable whatsapp --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct EnableArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,
}

impl EnableArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        switch(app, self.kind, true).await
    }
}

/// Disable a channel. Its configuration is kept.
///
/// Examples:
///   tenantctl channel disable whatsapp --org harbor-clinic
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DisableArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,
}

impl DisableArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        switch(app, self.kind, false).await
    }
}

async fn switch(app: &App, kind: ChannelKind, enabled: bool) -> Result<ChangedView> {
    let session = app.session().await?;
    let organization = app.organization(&session, None).await?;
    let change = channels::change(&session, organization.id, kind, None, |configuration, _| {
        Ok(ChannelConfiguration {
            enabled,
            ..configuration.clone()
        })
    })
    .await?;
    let verb = if enabled { "enabled" } else { "disabled" };
    Ok(ChangedView::new(change, verb))
}
