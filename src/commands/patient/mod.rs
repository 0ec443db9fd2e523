//! `tenantctl patient`

mod access_log;
mod create;
mod delete;
mod list;
mod show;
mod update;
mod view;

use clap::Subcommand;

use crate::{context::App, error::Result};

/// Manage patients. Every access to a patient record is logged.
#[derive(Debug, Subcommand)]
pub enum PatientCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Create(Box<create::CreateArgs>),
    Update(Box<update::UpdateArgs>),
    Delete(delete::DeleteArgs),
    AccessLog(access_log::AccessLogArgs),
}

impl PatientCommand {
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Create(args) => app.show(args.run(app).await?).await,
            Self::Update(args) => app.show(args.run(app).await?).await,
            Self::Delete(args) => app.show(args.run(app).await?).await,
            Self::AccessLog(args) => app.list(args.run(app).await?).await,
        }
    }
}
