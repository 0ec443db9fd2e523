//! `schedule update`

use chrono::NaiveDate;
use clap::{ArgGroup, Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{names::Names, patching},
        complete,
    },
    domain::{
        ScheduleId,
        booking::{ClockTime, Weekday, parameters::UpdateSchedule},
    },
    error::Result,
    services::booking::schedules,
};

/// Update a schedule. Omitted fields are left unchanged.
///
/// The kind, provider and operatory cannot be changed.
///
/// Examples:
///   tenantctl schedule update 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --end 16:00
///   tenantctl schedule update 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --until 2026-12-31
///   tenantctl schedule update 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --clear valid_until
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["weekday", "from", "until", "start", "end", "note", "clear"]))]
pub struct UpdateArgs {
    /// ID of the schedule.
    #[arg(value_name = "ID", value_parser = values::schedule_id)]
    schedule: ScheduleId,

    /// Day of the week.
    #[arg(long, value_name = "DAY", value_parser = values::weekday, add = ArgValueCompleter::new(complete::weekdays))]
    weekday: Option<Weekday>,

    /// First date it applies to.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    from: Option<NaiveDate>,

    /// Last date it applies to.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    until: Option<NaiveDate>,

    /// Start time.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    start: Option<ClockTime>,

    /// End time.
    #[arg(long, value_name = "TIME", value_parser = values::clock_time)]
    end: Option<ClockTime>,

    /// Note.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// Fields to clear.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    clear: Vec<Field>,
}

/// A field that can be cleared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Field {
    Weekday,
    ValidFrom,
    ValidUntil,
    Note,
}

impl UpdateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let clear = self.clear.as_slice();
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let parameters = UpdateSchedule {
            schedule_id: self.schedule,
            weekday: patching::patch(clear, Field::Weekday, "--weekday", self.weekday)?,
            valid_from: patching::patch(clear, Field::ValidFrom, "--from", self.from)?,
            valid_until: patching::patch(clear, Field::ValidUntil, "--until", self.until)?,
            start_time: self.start,
            end_time: self.end,
            note: patching::text(clear, Field::Note, "--note", self.note.as_ref())?,
        };
        let change = schedules::update(&session, organization.id, parameters).await?;
        let names = Names::load(app, &session, &organization).await?;
        Ok(ChangedView::new(change, &names, &organization))
    }
}
