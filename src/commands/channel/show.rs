//! `channel show`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::{ChannelView, ClaimLine};
use crate::{
    app::App,
    cli::values,
    commands::{changes::brief, complete},
    domain::{ChannelKind, ResolvedInstruction},
    error::Result,
    hint::Hint,
    output::{Page, View},
    services::channels::{self, ChannelDetails},
};

/// Show a channel: its configuration, missing settings, and the sources of its instructions.
///
/// Examples:
///   tenantctl channel show web
///   tenantctl channel show twilio_realtime --org harbor-clinic -o json
///   tenantctl channel show web --toml >web.toml     (for: channel set web --from-file web.toml)
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,

    /// Print the commented TOML document used by `channel edit` and `--from-file`.
    #[arg(long, conflicts_with = "output")]
    toml: bool,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let details = channels::show(&session, organization.id, self.kind).await?;
        if self.toml {
            let configuration = &details.effective.channel.configuration;
            return app.printer.raw(&configuration.to_document());
        }
        app.show(ShownView::from(details)).await
    }
}

#[derive(Serialize)]
struct ShownView {
    #[serde(flatten)]
    channel: ChannelView,
    /// The instructions in effect for the agents, with the layer of each.
    resolved_instructions: Vec<ResolvedInstruction>,
    /// Status of the claims to the identities in the settings.
    claims: Vec<ClaimLine>,
}

impl From<ChannelDetails> for ShownView {
    fn from(details: ChannelDetails) -> Self {
        Self {
            channel: ChannelView::new(&details.organization, details.effective.channel),
            resolved_instructions: details.instructions,
            claims: ClaimLine::all(details.claims),
        }
    }
}

impl View for ShownView {
    fn human(&self, page: &mut Page) {
        self.channel.fields(page);
        if !self.claims.is_empty() {
            page.heading("Claims");
            let style = page.style();
            let rows: Vec<_> = self
                .claims
                .iter()
                .map(|claim| claim.cells(&style))
                .collect();
            page.table(&["KIND", "VALUE", "STATUS"], &rows);
        }
        page.heading("Instructions");
        let rows: Vec<_> = self
            .resolved_instructions
            .iter()
            .map(|resolved| {
                vec![
                    resolved.part.as_str().into(),
                    resolved.layer.as_str().into(),
                    brief(&resolved.text.as_str().into()).into(),
                ]
            })
            .collect();
        page.table(&["AGENT", "FROM", "TEXT"], &rows);
    }

    fn warnings(&self) -> Vec<Hint> {
        let mut warnings = self.channel.warnings();
        let claims = self.claims.iter();
        warnings.extend(claims.filter_map(|claim| claim.warning(self.channel.channel)));
        warnings
    }
}
