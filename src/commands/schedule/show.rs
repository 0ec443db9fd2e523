//! `schedule show`

use clap::Args;

use super::view::ScheduleView;
use crate::{
    app::App,
    cli::values,
    commands::booking::names::Names,
    domain::{ScheduleId, booking::parameters::GetSchedule},
    error::Result,
    services::booking::schedules,
};

/// Show a schedule.
///
/// Examples:
///   tenantctl schedule show 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// ID of the schedule.
    #[arg(value_name = "ID", value_parser = values::schedule_id)]
    schedule: ScheduleId,
}

impl ShowArgs {
    pub(super) async fn run(self, app: &App) -> Result<ScheduleView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = GetSchedule {
            schedule_id: self.schedule,
        };
        let schedule = schedules::get(&session, organization.id, &parameters).await?;
        let names = Names::load(app, &session, &organization).await?;
        Ok(ScheduleView::new(
            schedule,
            &names,
            organization.time_zone.tz(),
        ))
    }
}
