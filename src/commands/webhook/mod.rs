//! `tenantctl webhook`: endpoints for the providers of the channels, and received events.

mod create;
mod discard;
mod endpoint_view;
mod event_view;
mod events;
mod list;
mod quarantine;
mod replay;
mod rotate;
pub(super) mod secret;
mod show;
mod sign_ups;
mod toggle;
mod url;

use clap::Subcommand;

use crate::{app::App, cli::Scope, error::Result};

/// Manage webhook endpoints and received events.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    #[command(subcommand)]
    Endpoint(EndpointCommand),
    #[command(subcommand)]
    Events(EventsCommand),
    #[command(subcommand, add = Scope::Platform)]
    Quarantine(quarantine::QuarantineCommand),
    #[command(subcommand, add = Scope::Platform)]
    SignUps(sign_ups::SignUpsCommand),
}

/// Manage the webhook endpoints of an organization, one or more per channel.
#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Rotate(rotate::RotateArgs),
    Disable(toggle::DisableArgs),
    Enable(toggle::EnableArgs),
    Url(url::UrlArgs),
}

/// Manage received events and their status.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    List(events::ListArgs),
    Show(show::ShowArgs),
    Replay(replay::ReplayArgs),
    Discard(discard::DiscardArgs),
}

impl WebhookCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Endpoint(command) => match command {
                EndpointCommand::Create(args) => app.show(args.run(app).await?).await,
                EndpointCommand::List(args) => app.list(args.run(app).await?).await,
                EndpointCommand::Rotate(args) => app.show(args.run(app).await?).await,
                EndpointCommand::Disable(args) => app.show(args.run(app).await?).await,
                EndpointCommand::Enable(args) => app.show(args.run(app).await?).await,
                EndpointCommand::Url(args) => app.show(args.run(app).await?).await,
            },
            Self::Events(command) => match command {
                EventsCommand::List(args) => app.list(args.run(app).await?).await,
                EventsCommand::Show(args) => app.show(args.run(app).await?).await,
                EventsCommand::Replay(args) => app.show(args.run(app).await?).await,
                EventsCommand::Discard(args) => app.show(args.run(app).await?).await,
            },
            Self::Quarantine(command) => command.run(app).await,
            Self::SignUps(command) => command.run(app).await,
        }
    }
}
