//! `appointment break`

use clap::Args;

use super::changed::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::{booking::names::Names, missing},
    domain::{
        AppointmentId,
        booking::{parameters::BreakAppointment, text},
    },
    error::Result,
    services::booking::appointments,
};

/// Record that the patient did not come or cancelled too late: frees the slot, and keeps the record
/// with the reason.
///
/// Examples:
///   tenantctl appointment break 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --reason 'did not come'
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct BreakArgs {
    /// The appointment's id.
    #[arg(value_name = "ID", value_parser = values::appointment_id)]
    appointment: AppointmentId,

    /// The reason.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl BreakArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let reason = missing::text(app, self.reason, "Reason", "--reason", |answer| {
            text::reason(answer)
        })?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = BreakAppointment {
            appointment_id: self.appointment,
            reason,
        };
        let names = Names::load(app, &session, &organization).await?;
        let change = appointments::break_one(&session, organization.id, &parameters).await?;
        Ok(ChangedView::new(change, "broke", names, &organization))
    }
}
