//! `schedule delete`

use clap::Args;

use crate::{
    cli::values,
    commands::booking::{confirm::confirm_removal, references, removal::RemovedView},
    context::App,
    domain::{ScheduleId, booking::parameters::DeleteSchedule},
    error::Result,
    services::booking::schedules,
};

/// Delete a schedule. Appointments stay; `schedule conflicts` finds those that are then outside of
/// the working hours.
///
/// Examples:
///   tenantctl schedule delete 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
///   tenantctl schedule delete 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --if-exists --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// The schedule's id.
    #[arg(value_name = "ID", value_parser = values::schedule_id)]
    schedule: ScheduleId,

    /// Succeed where there is no such schedule.
    #[arg(long)]
    if_exists: bool,
}

impl DeleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<RemovedView> {
        let id = self.schedule;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let what = format!("delete schedule {id}");
        let confirmed = confirm_removal(app, &organization, &what, &id.to_string())?;
        let parameters = DeleteSchedule { schedule_id: id };
        let removed = schedules::delete(&session, organization.id, &parameters, confirmed).await;
        match references::if_exists(removed, self.if_exists)? {
            Some(removal) => Ok(RemovedView::of("schedule", &removal, &organization)),
            None => Ok(RemovedView::nothing("schedule", &id.to_string())),
        }
    }
}
