//! `schedule conflicts`

use chrono::NaiveDate;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{names::Names, references},
        complete,
    },
    domain::booking::{Conflict, Operatory, Provider, parameters::CheckScheduleConflicts},
    error::{Error, ErrorKind, Result},
    output::{Page, View},
    services::booking::schedules,
};

/// Find scheduling conflicts.
///
/// Reports overlapping working hours, and open appointments outside working hours, on a holiday or
/// in a blockout. The exit code is 10 if there are conflicts.
///
/// Examples:
///   tenantctl schedule conflicts
///   tenantctl schedule conflicts --provider Keller --from 2026-12-21 --days 14 -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ConflictsArgs {
    /// Filter by provider: a name, ID, or ID in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Option<String>,

    /// Filter by operatory: a name, ID, or ID in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Operatory>))]
    operatory: Option<String>,

    /// First date to check appointments for. Default: today.
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    from: Option<NaiveDate>,

    /// Number of days, 1 to 366.
    #[arg(long, value_name = "N", default_value = "92", value_parser = values::whole_number::<u32>(1..=366))]
    days: u32,
}

impl ConflictsArgs {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (provider, operatory) = (self.provider.as_deref(), self.operatory.as_deref());
        let parameters = CheckScheduleConflicts {
            provider_id: references::optional::<Provider>(&session, &organization, provider)
                .await?,
            operatory_id: references::optional::<Operatory>(&session, &organization, operatory)
                .await?,
            date_from: self.from,
            days: Some(self.days),
            proposed: None,
        };
        let found = schedules::check_conflicts(&session, organization.id, &parameters).await?;
        let count = found.conflicts.len();
        let names = Names::load(app, &session, &organization).await?;
        app.show(ConflictsView {
            names,
            date_from: found.date_from,
            date_until: found.date_until,
            conflicts: found.conflicts,
            zone: organization.time_zone.tz(),
        })
        .await?;
        self::found(count)
    }
}

/// Fails with exit code 10 if there are conflicts.
///
/// # Errors
/// `Finding` if `count` is not 0.
pub(in crate::commands) fn found(count: usize) -> Result<()> {
    match count {
        0 => Ok(()),
        1 => Err(Error::new(ErrorKind::Finding, "1 conflict was found")),
        _ => Err(Error::new(
            ErrorKind::Finding,
            format!("{count} conflicts were found"),
        )),
    }
}

#[derive(Serialize)]
struct ConflictsView {
    date_from: NaiveDate,
    date_until: NaiveDate,
    conflicts: Vec<Conflict>,
    #[serde(skip)]
    names: Names,
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl View for ConflictsView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        for conflict in &self.conflicts {
            page.line(match conflict {
                Conflict::OverlappingSchedules {
                    schedule_id,
                    other_id,
                } => format!("schedule {schedule_id} overlaps schedule {other_id}"),
                Conflict::OutsideHours {
                    appointment_id,
                    provider_id,
                    starts_at,
                } => {
                    let at = style.time(*starts_at, Some(self.zone));
                    let provider = self.names.provider(*provider_id);
                    format!("appointment {appointment_id}, {at}: {provider} is not working")
                }
                Conflict::OperatoryClosed {
                    appointment_id,
                    operatory_id,
                    starts_at,
                } => {
                    let at = style.time(*starts_at, Some(self.zone));
                    let operatory = self.names.operatory(*operatory_id);
                    format!("appointment {appointment_id}, {at}: {operatory} is closed")
                }
            });
        }
    }

    fn summary(&self) -> Option<String> {
        let (from, until) = (self.date_from, self.date_until);
        let is_empty = self.conflicts.is_empty();
        is_empty.then(|| format!("no conflicts from {from} to {until}"))
    }
}
