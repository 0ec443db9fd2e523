//! `operatory show`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::OperatoryView;
use crate::{
    cli::complete, commands::booking::references, context::App,
    domain::booking::parameters::GetOperatory, error::Result, services::booking::operatories,
};

/// Show an operatory.
///
/// Examples:
///   tenantctl operatory show 'Room 1'
///   tenantctl operatory show 'Room 1' --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The operatory's name, ID, or ID in the practice's own system.
    #[arg(value_name = "OPERATORY", add = ArgValueCompleter::new(complete::operatories))]
    operatory: String,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<OperatoryView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = GetOperatory {
            operatory_id: references::operatory(&session, &organization, &self.operatory).await?,
        };
        let operatory = operatories::get(&session, organization.id, &parameters).await?;
        Ok(OperatoryView {
            operatory,
            zone: organization.time_zone.tz(),
        })
    }
}
