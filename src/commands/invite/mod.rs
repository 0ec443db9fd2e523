//! `tenantctl invite`: invitations to an organization.

mod accept;
mod create;
mod list;
mod resend;
mod revoke;
mod show;
mod view;

use clap::Subcommand;

use crate::{app::App, cli::Scope, error::Result};

/// Manage invitations: create, resend, revoke, accept.
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
    /// Runs the subcommand.
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
