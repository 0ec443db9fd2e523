//! `channel instructions`: the channel's own text, and the resolved instructions.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::{complete, input::TextArgs},
    domain::{AgentMode, ChannelConfiguration, ChannelKind, ResolvedInstruction},
    error::Result,
    output::{Format, Page, View},
    run,
    services::channels,
};

/// Read, write and resolve the instructions of a channel's AI agents.
#[derive(Debug, Subcommand)]
pub enum InstructionsCommand {
    Get(GetArgs),
    Set(SetArgs),
    Clear(ClearArgs),
    Resolve(ResolveArgs),
}

impl InstructionsCommand {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Get(args) => args.run(app).await,
            Self::Set(args) => app.show(args.run(app).await?).await,
            Self::Clear(args) => app.show(args.run(app).await?).await,
            Self::Resolve(args) => app.show(args.run(app).await?).await,
        }
    }
}

/// Print the channel's own instructions, without changes.
///
/// Prints nothing if the channel has none and uses those of the organization, the platform or the
/// program: see `channel instructions resolve`.
///
/// Examples:
///   tenantctl channel instructions get web >web.txt
///   tenantctl channel instructions get web -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct GetArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,
}

impl GetArgs {
    async fn run(self, app: &App) -> Result<()> {
        let kind = self.kind;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let details = channels::show(&session, organization.id, kind).await?;
        let text = details.effective.channel.configuration.instructions;
        if app.printer.format() != Format::Table {
            return app.printer.view(&OwnView {
                organization: organization.slug.to_string(),
                channel: kind,
                instructions: text,
            });
        }
        match text {
            Some(text) => app.printer.raw(&text),
            None => {
                app.printer
                    .note(
                        run!["channel", "instructions", "resolve", kind].labeled(format!(
                            "channel {kind} has no instructions of its own; show those in effect"
                        )),
                    );
                Ok(())
            }
        }
    }
}

#[derive(Serialize)]
struct OwnView {
    organization: String,
    channel: ChannelKind,
    instructions: Option<String>,
}

impl View for OwnView {
    fn human(&self, page: &mut Page) {
        page.text(self.instructions.as_deref().unwrap_or_default());
    }
}

/// Set a channel's own instructions.
///
/// Examples:
///   tenantctl channel instructions set web --from-file web.txt
///   tenantctl channel instructions set whatsapp 'Answer in one sentence.' --org harbor-clinic
///   generate-instructions | tenantctl channel instructions set retell --from-file -
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SetArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,

    #[command(flatten)]
    text: TextArgs,
}

impl SetArgs {
    async fn run(self, app: &App) -> Result<ChangedView> {
        let clear = run!["channel", "instructions", "clear", self.kind];
        let text = self.text.read(app, clear).await?;
        assign(app, self.kind, text).await
    }
}

/// Clear a channel's own instructions: the organization's apply again.
///
/// Examples:
///   tenantctl channel instructions clear web
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ClearArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,
}

impl ClearArgs {
    async fn run(self, app: &App) -> Result<ChangedView> {
        assign(app, self.kind, String::new()).await
    }
}

/// Sets the text as `channel set instructions=…` does; an empty one clears it.
async fn assign(app: &App, kind: ChannelKind, text: String) -> Result<ChangedView> {
    let session = app.session().await?;
    let organization = app.organization(&session, None).await?;
    let assignment = [("instructions".to_owned(), text)];
    let apply =
        |configuration: &ChannelConfiguration, _: &_| configuration.apply(&assignment, None);
    let change = channels::change(&session, organization.id, kind, None, apply).await?;
    Ok(ChangedView::new(change, "updated"))
}

/// Print the instructions in effect for a channel's agents, with the layer of each text.
///
/// The first layer with a text applies: the channel, the organization (`agent set`), the platform
/// (`agent system set`), the program itself.
///
/// Examples:
///   tenantctl channel instructions resolve twilio_realtime
///   tenantctl channel instructions resolve web -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ResolveArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,
}

impl ResolveArgs {
    async fn run(self, app: &App) -> Result<ResolvedView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let details = channels::show(&session, organization.id, self.kind).await?;
        let configuration = &details.effective.channel.configuration;
        Ok(ResolvedView {
            organization: details.organization.slug.to_string(),
            channel: configuration.kind,
            agent_mode: configuration.settings.agent_mode(),
            instructions: details.instructions,
        })
    }
}

#[derive(Serialize)]
struct ResolvedView {
    organization: String,
    channel: ChannelKind,
    agent_mode: AgentMode,
    instructions: Vec<ResolvedInstruction>,
}

impl View for ResolvedView {
    fn human(&self, page: &mut Page) {
        for resolved in &self.instructions {
            page.heading(format!("{} (from: {})", resolved.part, resolved.layer))
                .text(&resolved.text);
        }
    }
}
