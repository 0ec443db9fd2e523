//! `tenantctl outbox`: the messages that wait to be mailed, and what became of them.

mod list;
mod retry;
mod send;
mod show;
mod view;

use clap::Subcommand;

use crate::{context::App, error::Result};

/// See the messages of an organization that wait to be mailed or were, try them again, send them.
#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Retry(retry::RetryArgs),
    Send(send::SendArgs),
}

impl OutboxCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// What the verb could not do.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Retry(args) => app.show(args.run(app).await?).await,
            Self::Send(args) => args.run(app).await,
        }
    }
}
