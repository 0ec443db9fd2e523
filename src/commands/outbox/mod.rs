//! `tenantctl outbox`: outgoing messages and their status.

mod list;
mod retry;
mod send;
mod show;
mod view;

use clap::Subcommand;

use crate::{app::App, error::Result};

/// Manage outgoing mail: list, show, retry, send.
#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Retry(retry::RetryArgs),
    Send(send::SendArgs),
}

impl OutboxCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Retry(args) => app.show(args.run(app).await?).await,
            Self::Send(args) => args.run(app).await,
        }
    }
}
