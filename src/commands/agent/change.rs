//! `set` and `clear`, for an organization and for the platform

use clap::{Args, builder::PossibleValuesParser};

use super::{Layer, view::ChangedView};
use crate::{
    app::App, commands::input::TextArgs, domain::AgentInstructions, error::Result, services::agents,
};

/// A field and its new value.
#[derive(Args, Debug)]
pub struct FieldArgs {
    /// The field.
    #[arg(value_name = "FIELD", value_parser = fields())]
    field: String,

    #[command(flatten)]
    text: TextArgs,
}

impl FieldArgs {
    pub(super) async fn run(self, app: &App, layer: Layer) -> Result<ChangedView> {
        let clear = layer.command(["clear", &self.field]);
        let text = self.text.read(app, clear).await?;
        change(app, layer, |instructions| {
            instructions.set(&self.field, &text)
        })
        .await
    }
}

/// Fields to clear.
#[derive(Args, Debug)]
pub struct FieldsArgs {
    /// The fields.
    #[arg(value_name = "FIELD", required = true, value_parser = fields())]
    fields: Vec<String>,
}

impl FieldsArgs {
    pub(super) async fn run(self, app: &App, layer: Layer) -> Result<ChangedView> {
        let clear = |instructions: &mut AgentInstructions| {
            let mut fields = self.fields.iter();
            fields.try_for_each(|field| instructions.clear(field))
        };
        change(app, layer, clear).await
    }
}

fn fields() -> PossibleValuesParser {
    PossibleValuesParser::new(AgentInstructions::FIELDS)
}

async fn change(
    app: &App,
    layer: Layer,
    make: impl FnOnce(&mut AgentInstructions) -> Result<()>,
) -> Result<ChangedView> {
    let compute = |before: &AgentInstructions| {
        let mut after = before.clone();
        make(&mut after)?;
        Ok(after)
    };
    let session = app.session().await?;
    let change = match layer {
        Layer::Organization => {
            let organization = app.organization(&session, None).await?;
            agents::change(&session, organization.id, compute).await?
        }
        Layer::Platform => agents::change_system(&session, compute).await?,
    };
    Ok(ChangedView::new(layer, change))
}
