//! `tenantctl appointment`

mod agenda;
mod breaking;
mod changed;
mod create;
mod delete;
mod list;
mod show;
mod slots;
mod status;
mod update;
mod view;

use clap::Subcommand;

use crate::{app::App, error::Result};

/// Book, move and break appointments. Double bookings are rejected.
#[derive(Debug, Subcommand)]
pub enum AppointmentCommand {
    List(Box<list::ListArgs>),
    Show(show::ShowArgs),
    Slots(slots::SlotsArgs),
    Create(Box<create::CreateArgs>),
    Update(Box<update::UpdateArgs>),
    Confirm(status::ConfirmArgs),
    Complete(status::CompleteArgs),
    Cancel(status::CancelArgs),
    Break(breaking::BreakArgs),
    Delete(delete::DeleteArgs),
}

impl AppointmentCommand {
    /// Runs the verb.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => args.run(app).await,
            Self::Show(args) => app.show(args.run(app).await?).await,
            Self::Slots(args) => app.list(args.run(app).await?).await,
            Self::Create(args) => app.show(args.run(app).await?).await,
            Self::Update(args) => app.show(args.run(app).await?).await,
            Self::Confirm(args) => app.show(args.run(app).await?).await,
            Self::Complete(args) => app.show(args.run(app).await?).await,
            Self::Cancel(args) => app.show(args.run(app).await?).await,
            Self::Break(args) => app.show(args.run(app).await?).await,
            Self::Delete(args) => app.show(args.run(app).await?).await,
        }
    }
}
