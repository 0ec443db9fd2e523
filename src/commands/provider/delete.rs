//! `provider delete`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::{
    cli::complete,
    commands::booking::{confirm::confirm_removal, references, removal::RemovedView},
    context::App,
    domain::{booking::parameters::DeleteProvider, suggest::quoted},
    error::Result,
    services::booking::providers,
};

/// Delete a provider and its schedules permanently, or archive it.
///
/// A provider with appointments cannot be deleted: archive it, or delete the appointments first.
///
/// Examples:
///   tenantctl provider delete 'Dr. Ana Keller'
///   tenantctl provider delete 'Dr. Ana Keller' --archive
///   tenantctl provider delete 'Dr. Ana Keller' --org harbor-clinic --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// The provider's full name, ID, or ID in the practice's own system.
    #[arg(value_name = "PROVIDER", add = ArgValueCompleter::new(complete::providers))]
    provider: String,

    /// Archive the provider and keep its appointments, instead of deleting it.
    #[arg(long)]
    archive: bool,

    /// Succeed even if the provider does not exist.
    #[arg(long)]
    if_exists: bool,
}

impl DeleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<RemovedView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let found = references::whole_provider(&session, &organization, &self.provider).await;
        let Some(found) = references::if_exists(found, self.if_exists)? else {
            return Ok(RemovedView::nothing("provider", &self.provider));
        };
        let verb = if self.archive { "archive" } else { "delete" };
        let (id, name) = (found.id, quoted(&found.name));
        let what = format!("{verb} provider {name} ({id})");
        let confirmed = confirm_removal(app, &organization, &what, &id.to_string()).await?;
        let parameters = DeleteProvider {
            provider_id: id,
            archive: self.archive,
        };
        let removed = providers::delete(&session, organization.id, &parameters, confirmed).await;
        match references::if_exists(removed, self.if_exists)? {
            Some(removal) => Ok(RemovedView::of("provider", &removal, &organization)),
            None => Ok(RemovedView::nothing("provider", &self.provider)),
        }
    }
}
