//! `tenantctl member`: the members of an organization and their roles.

mod add;
mod list;
mod remove;
mod role;
mod show;
mod transfer;
mod view;

use clap::Subcommand;

use crate::{app::App, error::Result};

/// Manage the members of an organization: add, list, change roles, remove, transfer ownership.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Add(add::AddArgs),
    Role(role::RoleArgs),
    Remove(remove::RemoveArgs),
    TransferOwnership(transfer::TransferArgs),
}

impl MemberCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Add(args) => app.show(args.run(app).await?).await,
            Self::Role(args) => app.show(args.run(app).await?).await,
            Self::Remove(args) => app.show(args.run(app).await?).await,
            Self::TransferOwnership(args) => app.show(args.run(app).await?).await,
        }
    }
}
