//! `provider show`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ProviderView;
use crate::{
    cli::complete, commands::booking::references, context::App,
    domain::booking::parameters::GetProvider, error::Result, services::booking::providers,
};

/// Show a provider.
///
/// Examples:
///   tenantctl provider show Keller
///   tenantctl provider show Keller --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The provider's name, ID, or ID in the practice's own system.
    #[arg(value_name = "PROVIDER", add = ArgValueCompleter::new(complete::providers))]
    provider: String,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<ProviderView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = GetProvider {
            provider_id: references::provider(&session, &organization, &self.provider).await?,
        };
        let provider = providers::get(&session, organization.id, &parameters).await?;
        Ok(ProviderView {
            provider,
            zone: organization.time_zone.tz(),
        })
    }
}
