//! `patient show`

use clap::Args;

use super::view::PatientView;
use crate::{
    commands::booking::references, context::App, domain::booking::parameters::GetPatient,
    error::Result, services::booking::patients,
};

/// Show a patient's record. The access is logged.
///
/// Examples:
///   tenantctl patient show 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
///   tenantctl patient show P-1042 --org harbor-clinic -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The patient's ID, or their ID in the practice's own system.
    #[arg(value_name = "ID|EXTERNAL_ID")]
    patient: String,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<PatientView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = GetPatient {
            patient_id: references::patient(&session, &organization, &self.patient).await?,
        };
        let patient = patients::get(&session, organization.id, &parameters).await?;
        Ok(PatientView {
            patient,
            zone: organization.time_zone.tz(),
        })
    }
}
