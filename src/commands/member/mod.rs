//! `tenantctl member`: who belongs to an organization, and in which role.

mod add;
mod list;
mod remove;
mod role;
mod show;
mod transfer;
mod view;

use clap::Subcommand;

use crate::{context::App, error::Result};

/// Add, look at, promote, demote and remove members; hand over ownership.
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
    /// Runs the verb.
    ///
    /// # Errors
    /// What the verb could not do.
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
