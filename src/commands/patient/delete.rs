//! `patient delete`

use clap::Args;

use crate::{
    commands::booking::{confirm::confirm_removal, references, removal::RemovedView},
    context::App,
    domain::booking::parameters::DeletePatient,
    error::Result,
    services::booking::patients,
};

/// Erase a patient permanently, or archive the patient.
///
/// A patient with appointments cannot be erased: archive the patient, or delete the appointments
/// first. The activity log and the access log keep only the ID, so no personal data remains.
///
/// Examples:
///   tenantctl patient delete P-1042
///   tenantctl patient delete P-1042 --archive
///   tenantctl patient delete P-1042 --org harbor-clinic --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// The patient's ID, or their ID in the practice's own system.
    #[arg(value_name = "ID|EXTERNAL_ID")]
    patient: String,

    /// Archive the patient and keep the appointments, instead of erasing the patient.
    #[arg(long)]
    archive: bool,

    /// Succeed even if the patient does not exist.
    #[arg(long)]
    if_exists: bool,
}

impl DeleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<RemovedView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let found = references::known_patient(&session, &organization, &self.patient).await;
        let Some(id) = references::if_exists(found, self.if_exists)? else {
            return Ok(RemovedView::nothing("such patient", ""));
        };
        let verb = if self.archive { "archive" } else { "erase" };
        let what = format!("{verb} patient {id}");
        let confirmed = confirm_removal(app, &organization, &what, &id.to_string()).await?;
        let parameters = DeletePatient {
            patient_id: id,
            archive: self.archive,
        };
        let removed = patients::delete(&session, organization.id, &parameters, confirmed).await;
        match references::if_exists(removed, self.if_exists)? {
            Some(removal) => Ok(RemovedView::of("patient", &removal, &organization)),
            None => Ok(RemovedView::nothing("such patient", "")),
        }
    }
}
