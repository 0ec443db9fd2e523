//! `schedule delete`

use clap::Args;

use super::view::ScheduleView;
use crate::{
    app::App,
    cli::values,
    commands::booking::{confirm::confirm_removal, names::Names, references, removal::RemovedView},
    domain::{
        ScheduleId,
        booking::parameters::{DeleteSchedule, GetSchedule},
    },
    error::Result,
    services::booking::schedules,
};

/// Delete a schedule.
///
/// Appointments are kept; `schedule conflicts` finds those that are then outside working hours.
///
/// Examples:
///   tenantctl schedule delete 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
///   tenantctl schedule delete 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --if-exists --yes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// ID of the schedule.
    #[arg(value_name = "ID", value_parser = values::schedule_id)]
    schedule: ScheduleId,

    /// Succeed even if the schedule does not exist.
    #[arg(long)]
    if_exists: bool,
}

impl DeleteArgs {
    pub(super) async fn run(self, app: &App) -> Result<RemovedView> {
        let id = self.schedule;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = GetSchedule { schedule_id: id };
        let found = schedules::get(&session, organization.id, &parameters).await;
        let Some(found) = references::if_exists(found, self.if_exists)? else {
            return Ok(RemovedView::nothing("schedule", &id.to_string()));
        };
        let names = Names::load(app, &session, &organization).await?;
        let said = ScheduleView::new(found, &names, organization.time_zone.tz()).said();
        let what = format!("delete the schedule {said} ({id})");
        let confirmed = confirm_removal(app, &organization, &what, &id.to_string()).await?;
        let parameters = DeleteSchedule { schedule_id: id };
        let removed = schedules::delete(&session, organization.id, &parameters, confirmed).await;
        match references::if_exists(removed, self.if_exists)? {
            Some(removal) => Ok(RemovedView::of("schedule", &removal, &organization)),
            None => Ok(RemovedView::nothing("schedule", &id.to_string())),
        }
    }
}
