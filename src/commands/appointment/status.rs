//! `appointment confirm`, `complete` and `cancel`

use clap::Args;

use super::changed::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::booking::names::Names,
    domain::{
        AppointmentId,
        booking::{AppointmentStatus, parameters::UpdateAppointment},
    },
    error::Result,
    services::booking::appointments,
};

/// Record that the patient confirmed the appointment.
///
/// Examples:
///   tenantctl appointment confirm 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ConfirmArgs {
    /// The appointment's id.
    #[arg(value_name = "ID", value_parser = values::appointment_id)]
    appointment: AppointmentId,
}

/// Record that the appointment took place.
///
/// Examples:
///   tenantctl appointment complete 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CompleteArgs {
    /// The appointment's id.
    #[arg(value_name = "ID", value_parser = values::appointment_id)]
    appointment: AppointmentId,
}

/// Cancel an appointment: frees the slot, and keeps the record. If the patient did not come, use
/// `appointment break`, which keeps the reason.
///
/// Examples:
///   tenantctl appointment cancel 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CancelArgs {
    /// The appointment's id.
    #[arg(value_name = "ID", value_parser = values::appointment_id)]
    appointment: AppointmentId,
}

impl ConfirmArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        become_(app, self.appointment, AppointmentStatus::Confirmed).await
    }
}

impl CompleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        become_(app, self.appointment, AppointmentStatus::Completed).await
    }
}

impl CancelArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        become_(app, self.appointment, AppointmentStatus::Cancelled).await
    }
}

async fn become_(
    app: &App,
    appointment: AppointmentId,
    status: AppointmentStatus,
) -> Result<ChangedView> {
    let session = app.session().await?;
    let organization = app.organization(&session, None).await?;
    let parameters = UpdateAppointment::status(appointment, status);
    let names = Names::load(app, &session, &organization).await?;
    let change = appointments::update(&session, organization.id, parameters).await?;
    Ok(ChangedView::new(
        change,
        status.as_str(),
        names,
        &organization,
    ))
}
