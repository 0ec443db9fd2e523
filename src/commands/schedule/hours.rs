//! `schedule hours`

use chrono::NaiveDate;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    commands::{booking::references, complete},
    domain::booking::{DayHours, Provider, Schedule, Weekday, parameters::GetProviderSchedules},
    error::Result,
    output::{Cell, Page, View},
    services::booking::schedules,
};

/// Show a provider's effective working hours, before appointments.
///
/// These are the provider's schedules, or else the organization's, minus holidays and blockouts.
///
/// Examples:
///   tenantctl schedule hours Keller
///   tenantctl schedule hours Keller --from 2026-12-21 --days 14 -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct HoursArgs {
    /// The provider's name, ID, or ID in the practice's own system.
    #[arg(add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: String,

    /// First date. Default: today.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    from: Option<NaiveDate>,

    /// Number of days, 1 to 92.
    #[arg(long, value_name = "N", default_value = "7", value_parser = values::whole_number::<u32>(1..=92))]
    days: u32,
}

impl HoursArgs {
    pub(super) async fn run(self, app: &App) -> Result<HoursView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = GetProviderSchedules {
            provider_id: references::named::<Provider>(&session, &organization, &self.provider)
                .await?,
            date_from: self.from,
            days: Some(self.days),
        };
        let found = schedules::get_of_provider(&session, organization.id, &parameters).await?;
        Ok(HoursView {
            provider_id: found.provider_id.to_string(),
            time_zone: organization.time_zone.name(),
            hours: found.hours,
            schedules: found.schedules,
        })
    }
}

#[derive(Serialize)]
pub(super) struct HoursView {
    provider_id: String,
    time_zone: &'static str,
    hours: Vec<DayHours>,
    schedules: Vec<Schedule>,
}

impl View for HoursView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let rows: Vec<Vec<Cell>> = self
            .hours
            .iter()
            .map(|day| {
                let open: Vec<String> = day
                    .hours
                    .iter()
                    .map(|one| format!("{}–{}", one.start_time, one.end_time))
                    .collect();
                vec![
                    day.date.to_string().into(),
                    Weekday::of(day.date).as_str().into(),
                    match open.is_empty() {
                        true => style.dim("closed"),
                        false => style.bold(open.join(", ")),
                    },
                ]
            })
            .collect();
        page.table(&["DATE", "DAY", "HOURS"], &rows);
        page.line(style.dim(format!("times in {}", self.time_zone)));
    }
}
