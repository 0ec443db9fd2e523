//! `appointment delete`

use clap::Args;

use crate::{
    app::App,
    cli::values,
    commands::booking::{confirm::confirm_removal, references, removal::RemovedView},
    domain::{AppointmentId, booking::parameters::DeleteAppointment},
    error::Result,
    output::Style,
    services::booking::appointments,
};

/// Delete an appointment and its record. To free the slot and keep the record, cancel or break it.
///
/// Examples:
///   tenantctl appointment delete 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
///   tenantctl appointment delete 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --if-exists --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// The appointment's id.
    #[arg(value_name = "ID", value_parser = values::appointment_id)]
    appointment: AppointmentId,

    /// Succeed if the appointment does not exist.
    #[arg(long)]
    if_exists: bool,
}

impl DeleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<RemovedView> {
        let id = self.appointment;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let found = appointments::get(&session, organization.id, id).await;
        let Some(entry) = references::if_exists(found, self.if_exists)? else {
            return Ok(RemovedView::nothing("appointment", &id.to_string()));
        };
        let (starts_at, zone) = (entry.appointment.starts_at, organization.time_zone.tz());
        let at = Style::default().time(starts_at, Some(zone));
        let provider = &entry.provider_name;
        let what = format!("delete the appointment of {at} with {provider} ({id})");
        let confirmed = confirm_removal(app, &organization, &what, &id.to_string()).await?;
        let parameters = DeleteAppointment { appointment_id: id };
        let removed = appointments::delete(&session, organization.id, &parameters, confirmed).await;
        match references::if_exists(removed, self.if_exists)? {
            Some(removal) => Ok(RemovedView::of("appointment", &removal, &organization)),
            None => Ok(RemovedView::nothing("appointment", &id.to_string())),
        }
    }
}
