//! `operatory delete`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::{
    cli::complete,
    commands::booking::{confirm::confirm_removal, references, removal::RemovedView},
    context::App,
    domain::{booking::parameters::DeleteOperatory, suggest::quoted},
    error::Result,
    services::booking::operatories,
};

/// Delete an operatory and its schedules permanently, or archive it.
///
/// An operatory with appointments cannot be deleted: archive it, or delete the appointments first.
///
/// Examples:
///   tenantctl operatory delete 'Room 1'
///   tenantctl operatory delete 'Room 1' --archive
///   tenantctl operatory delete 'Room 1' --org harbor-clinic --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// The operatory's full name, ID, or ID in the practice's own system.
    #[arg(value_name = "OPERATORY", add = ArgValueCompleter::new(complete::operatories))]
    operatory: String,

    /// Archive the operatory and keep its appointments, instead of deleting it.
    #[arg(long)]
    archive: bool,

    /// Succeed even if the operatory does not exist.
    #[arg(long)]
    if_exists: bool,
}

impl DeleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<RemovedView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let found = references::whole_operatory(&session, &organization, &self.operatory).await;
        let Some(found) = references::if_exists(found, self.if_exists)? else {
            return Ok(RemovedView::nothing("operatory", &self.operatory));
        };
        let verb = if self.archive { "archive" } else { "delete" };
        let (id, name) = (found.id, quoted(&found.name));
        let what = format!("{verb} operatory {name} ({id})");
        let confirmed = confirm_removal(app, &organization, &what, &id.to_string()).await?;
        let parameters = DeleteOperatory {
            operatory_id: id,
            archive: self.archive,
        };
        let removed = operatories::delete(&session, organization.id, &parameters, confirmed).await;
        match references::if_exists(removed, self.if_exists)? {
            Some(removal) => Ok(RemovedView::of("operatory", &removal, &organization)),
            None => Ok(RemovedView::nothing("operatory", &self.operatory)),
        }
    }
}
