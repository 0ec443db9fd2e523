//! `tenantctl agent`: the instructions that an organization's channels share, and the platform's
//! defaults.

mod change;
mod show;
mod view;

use clap::{Args, Subcommand};

use crate::{app::App, cli::Scope, error::Result};

/// Read and write an organization's agent instructions, and the platform's defaults.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    Show(ShowArgs),
    Set(SetArgs),
    Clear(ClearArgs),
    #[command(subcommand, add = Scope::Platform)]
    System(SystemCommand),
}

/// Read and write the platform's defaults for organizations without a text of their own.
#[derive(Debug, Subcommand)]
pub enum SystemCommand {
    Show(SystemShowArgs),
    Set(SystemSetArgs),
    Clear(SystemClearArgs),
}

/// The layer of the instructions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layer {
    Organization,
    Platform,
}

impl AgentCommand {
    /// Runs the verb.
    pub async fn run(self, app: &App) -> Result<()> {
        use Layer::{Organization, Platform};
        use SystemCommand as System;
        match self {
            Self::Show(ShowArgs {}) => app.show(show::run(app, Organization).await?).await,
            Self::Set(args) => app.show(args.field.run(app, Organization).await?).await,
            Self::Clear(args) => app.show(args.fields.run(app, Organization).await?).await,
            Self::System(System::Show(SystemShowArgs {})) => {
                app.show(show::run(app, Platform).await?).await
            }
            Self::System(System::Set(args)) => app.show(args.field.run(app, Platform).await?).await,
            Self::System(System::Clear(args)) => {
                app.show(args.fields.run(app, Platform).await?).await
            }
        }
    }
}

/// Show the organization's instructions.
///
/// Examples:
///   tenantctl agent show
///   tenantctl agent show --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {}

/// Set a text of the organization, or the switch use_manual_instructions.
///
/// A channel with a text of its own keeps it. Other channels use this text or, if it is not set,
/// the platform's. To see the result: tenantctl channel instructions resolve CHANNEL
///
/// Examples:
///   tenantctl agent set receptionist_instructions --from-file receptionist.txt
///   tenantctl agent set whatsapp_instructions 'Answer in one sentence.' --org harbor-clinic
///   tenantctl agent set use_manual_instructions true
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SetArgs {
    #[command(flatten)]
    field: change::FieldArgs,
}

/// Clear texts of the organization: the platform's defaults apply again.
///
/// Examples:
///   tenantctl agent clear whatsapp_instructions
///   tenantctl agent clear receptionist_instructions supervisor_instructions
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ClearArgs {
    #[command(flatten)]
    fields: change::FieldsArgs,
}

/// Show the platform's defaults.
///
/// Examples:
///   tenantctl agent system show
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SystemShowArgs {}

/// Set a default of the platform, which applies to organizations without a text of their own.
///
/// Examples:
///   tenantctl agent system set supervisor_instructions --from-file supervisor.txt
///   tenantctl agent system set use_manual_instructions false
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SystemSetArgs {
    #[command(flatten)]
    field: change::FieldArgs,
}

/// Clear defaults of the platform: the built-in texts apply again.
///
/// Examples:
///   tenantctl agent system clear manual_ai_instructions
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SystemClearArgs {
    #[command(flatten)]
    fields: change::FieldsArgs,
}
