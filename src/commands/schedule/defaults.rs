//! `schedule defaults`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::view::ScheduleView;
use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{names::Names, references},
        complete,
    },
    domain::booking::{ClockTime, Provider, Weekday, parameters::CreateDefaultSchedules},
    error::Result,
    hint::Hint,
    output::{Page, Record, View},
    run,
    services::booking::schedules,
};

/// Add default working hours for providers: Monday to Friday, 09:00 to 17:00.
///
/// Providers with weekly hours are skipped, so the command can be run again.
///
/// Examples:
///   tenantctl schedule defaults
///   tenantctl schedule defaults --provider Keller --weekday monday,wednesday --start 08:00 --end 12:00
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DefaultsArgs {
    /// Provider to add hours for (can be repeated): a name, ID, or ID in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Vec<String>,

    /// Days of the week. Default: Monday to Friday.
    #[arg(long, value_name = "DAY", value_delimiter = ',', value_parser = values::weekday, add = ArgValueCompleter::new(complete::weekdays))]
    weekday: Vec<Weekday>,

    /// Start of work. Default: 09:00.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    start: Option<ClockTime>,

    /// End of work. Default: 17:00.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    end: Option<ClockTime>,
}

impl DefaultsArgs {
    pub(super) async fn run(self, app: &App) -> Result<DefaultsView> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let mut provider_ids = Vec::with_capacity(self.provider.len());
        for reference in &self.provider {
            provider_ids
                .push(references::named::<Provider>(&session, &organization, reference).await?);
        }
        let parameters = CreateDefaultSchedules {
            provider_ids,
            weekdays: self.weekday,
            start_time: self.start,
            end_time: self.end,
        };
        let made = schedules::create_defaults(&session, organization.id, &parameters).await?;
        let names = Names::load(app, &session, &organization).await?;
        let zone = organization.time_zone.tz();
        let views = made.schedules.into_iter();
        Ok(DefaultsView {
            changed: views.len() > 0,
            organization: organization.slug.to_string(),
            schedules: views
                .map(|schedule| ScheduleView::new(schedule, &names, zone))
                .collect(),
            skipped_provider_ids: made
                .skipped_provider_ids
                .iter()
                .map(ToString::to_string)
                .collect(),
        })
    }
}

#[derive(Serialize)]
pub(super) struct DefaultsView {
    changed: bool,
    organization: String,
    schedules: Vec<ScheduleView>,
    /// IDs of providers skipped because they already have weekly hours.
    skipped_provider_ids: Vec<String>,
}

impl View for DefaultsView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let rows: Vec<_> = self.schedules.iter().map(|one| one.cells(&style)).collect();
        if !rows.is_empty() {
            page.table(ScheduleView::columns(), &rows);
        }
    }

    fn summary(&self) -> Option<String> {
        let (added, kept) = (self.schedules.len(), self.skipped_provider_ids.len());
        let slug = &self.organization;
        Some(match (added, kept) {
            (0, 0) => format!("{slug} has no providers; nothing was changed"),
            (0, _) => "every provider already has weekly hours; nothing was changed".to_owned(),
            (_, 0) => format!("added {added} schedules to {slug}"),
            _ => format!(
                "added {added} schedules to {slug}; skipped {kept} providers that already have weekly hours"
            ),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match self.changed {
            true => vec![run!["appointment", "slots", "--org", self.organization]],
            false => Vec::new(),
        }
    }
}
