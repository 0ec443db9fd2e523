//! `tenantctl schedule`

mod conflicts;
mod create;
mod defaults;
mod delete;
mod hours;
mod list;
mod show;
mod update;
mod view;

use clap::Subcommand;

pub(in crate::commands) use conflicts::found;

use crate::{app::App, error::Result};

/// Manage working hours, holidays and blockouts, in the organization's time zone.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Create(Box<create::CreateArgs>),
    Update(update::UpdateArgs),
    Delete(delete::DeleteArgs),
    Defaults(defaults::DefaultsArgs),
    Hours(hours::HoursArgs),
    Conflicts(conflicts::ConflictsArgs),
}

impl ScheduleCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Create(args) => app.show(args.run(app).await?).await,
            Self::Update(args) => app.show(args.run(app).await?).await,
            Self::Delete(args) => app.show(args.run(app).await?).await,
            Self::Defaults(args) => app.show(args.run(app).await?).await,
            Self::Hours(args) => app.show(args.run(app).await?).await,
            Self::Conflicts(args) => args.run(app).await,
        }
    }
}
