//! `tenantctl org`: the tenants of the platform.

mod create;
mod current;
mod lifecycle;
mod list;
mod purge;
mod show;
mod update;

use clap::Subcommand;

pub(super) use create::zone_and_locale;

use crate::{app::App, cli::Scope, error::Result};

/// Manage organizations: create, list, update, suspend, delete, purge.
#[derive(Debug, Subcommand)]
pub enum OrgCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    #[command(add = Scope::Organization)]
    Show(show::ShowArgs),
    #[command(add = Scope::Organization)]
    Update(update::UpdateArgs),
    Use(current::UseArgs),
    Current(current::CurrentArgs),
    Unset(current::UnsetArgs),
    Suspend(lifecycle::SuspendArgs),
    Resume(lifecycle::ResumeArgs),
    Delete(lifecycle::DeleteArgs),
    Restore(lifecycle::RestoreArgs),
    Purge(purge::PurgeArgs),
}

impl OrgCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Create(args) => app.show(args.run(app).await?).await,
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Update(args) => app.show(args.run(app).await?).await,
            Self::Use(args) => app.show(args.run(app).await?).await,
            Self::Current(args) => app.show(args.run(app).await?).await,
            Self::Unset(args) => app.show(args.run(app).await?).await,
            Self::Suspend(args) => app.show(args.run(app).await?).await,
            Self::Resume(args) => app.show(args.run(app).await?).await,
            Self::Delete(args) => app.show(args.run(app).await?).await,
            Self::Restore(args) => app.show(args.run(app).await?).await,
            Self::Purge(args) => app.show(args.run(app).await?).await,
        }
    }
}
