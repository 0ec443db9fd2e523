//! `tenantctl channel`: the channels through which patients reach an organization's AI agents.

mod claim;
mod edit;
mod instructions;
mod list;
mod set;
mod show;
mod toggle;
mod usage;
mod view;

use clap::Subcommand;

use crate::{app::App, error::Result};

/// Show and change the five channels of an organization.
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Set(set::SetArgs),
    Enable(toggle::EnableArgs),
    Disable(toggle::DisableArgs),
    Edit(edit::EditArgs),
    Usage(usage::UsageArgs),
    #[command(subcommand)]
    Claim(claim::ClaimCommand),
    #[command(subcommand)]
    Instructions(instructions::InstructionsCommand),
}

impl ChannelCommand {
    /// Runs the verb.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::List(args) => app.list(args.run(app).await?).await,
            Self::Show(args) => args.run(app).await,
            Self::Set(args) => app.show(args.run(app).await?).await,
            Self::Enable(args) => app.show(args.run(app).await?).await,
            Self::Disable(args) => app.show(args.run(app).await?).await,
            Self::Edit(args) => app.show(args.run(app).await?).await,
            Self::Usage(args) => app.list(args.run(app).await?).await,
            Self::Claim(command) => command.run(app).await,
            Self::Instructions(command) => command.run(app).await,
        }
    }
}
