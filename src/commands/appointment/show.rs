//! `appointment show`

use clap::Args;

use super::view::AppointmentView;
use crate::{
    app::App, cli::values, domain::AppointmentId, error::Result, services::booking::appointments,
};

/// Show an appointment.
///
/// Examples:
///   tenantctl appointment show 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The appointment's id.
    #[arg(value_name = "ID", value_parser = values::appointment_id)]
    appointment: AppointmentId,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<AppointmentView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        Ok(AppointmentView {
            entry: appointments::get(&session, organization.id, self.appointment).await?,
            zone: organization.time_zone.tz(),
        })
    }
}
