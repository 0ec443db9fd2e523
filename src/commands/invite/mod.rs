//! `tenantctl invite`: the way into an organization.

mod accept;
mod create;
mod list;
mod resend;
mod revoke;
mod show;
mod view;

use clap::Subcommand;

use crate::{cli::Scope, context::App, error::Result};

/// Invite people to an organization, send their link anew, take it back, accept it.
#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Resend(resend::ResendArgs),
    Revoke(revoke::RevokeArgs),
    #[command(add = Scope::Platform)]
    Accept(accept::AcceptArgs),
}

impl InviteCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// What the verb could not do.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Create(args) => app.show(args.run(app).await?).await,
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Resend(args) => app.show(args.run(app).await?).await,
            Self::Revoke(args) => app.show(args.run(app).await?).await,
            Self::Accept(args) => app.show(args.run(app).await?).await,
        }
    }
}
