//! Functions on schedules.

use chrono::{Days, NaiveDate};
use serde::Serialize;
use serde_json::json;

use super::{
    access_log::{self, Done},
    checks::{self, Removal, optional, parse_patch},
    missing, resources,
};
use crate::{
    confirm::Confirmed,
    db::{
        self,
        resources::{ResourceFilter, ResourceTable as _},
        schedules::ScheduleFilter,
    },
    domain::{
        OrganizationId, ProviderId, ScheduleId,
        booking::{
            ClockTime, Function, Operatory, PageMark, Provider, Schedule, ScheduleKind, Weekday,
            clock,
            conflicts::{self, Conflict},
            opening::{DayHours, Subject, Timetable},
            parameters::{
                CheckScheduleConflicts, CreateDefaultSchedules, CreateSchedule, DeleteSchedule,
                GetProviderSchedules, GetSchedule, GetSchedules, UpdateSchedule, patched,
            },
            text,
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
    system::new_id,
};

/// A page of schedules.
#[derive(Debug, Serialize)]
pub struct SchedulesPage {
    pub schedules: Vec<Schedule>,
    /// Position after which the next page begins; null on the last page.
    pub next_after: Option<PageMark>,
}

/// Returns the matching schedules, oldest first.
///
/// # Errors
/// `BadInput` if the limit is out of range.
pub async fn get_all(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetSchedules,
) -> Result<SchedulesPage> {
    let permission = Function::GetSchedules.permission();
    let mut scope = session.read(organization, permission).await?;
    let limit = checks::page(parameters.limit)?;
    let filter = ScheduleFilter {
        kind: parameters.kind,
        provider: parameters.provider_id,
        operatory: parameters.operatory_id,
        organization_only: parameters.organization_only,
        date: parameters.date,
        after: parameters.after.as_ref().map(|mark| mark.id.into()),
        limit: Some(limit + 1),
    };
    let found = db::schedules::list(&mut scope.tx, &filter).await?;
    let (schedules, more) = checks::cut(found, limit);
    Ok(SchedulesPage {
        next_after: schedules
            .last()
            .filter(|_| more)
            .map(|last| PageMark::new("", last.id)),
        schedules,
    })
}

/// Returns a schedule.
///
/// # Errors
/// `NotFound`.
pub async fn get(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetSchedule,
) -> Result<Schedule> {
    let permission = Function::GetSchedule.permission();
    let mut scope = session.read(organization, permission).await?;
    require(&mut scope, parameters.schedule_id).await
}

/// The schedules in effect for a provider.
#[derive(Debug, Serialize)]
pub struct ProviderSchedules {
    pub provider_id: ProviderId,
    /// The provider's own schedules, and those of the organization.
    pub schedules: Vec<Schedule>,
    /// The resulting hours in the organization's time zone, without regard to appointments.
    pub hours: Vec<DayHours>,
}

/// Returns the schedules in effect for a provider, and the resulting hours.
///
/// # Errors
/// `NotFound`; `BadInput` if the number of days is out of range.
pub async fn get_of_provider(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetProviderSchedules,
) -> Result<ProviderSchedules> {
    let permission = Function::GetProviderSchedules.permission();
    let mut scope = session.read(organization, permission).await?;
    let provider = resources::require::<Provider>(&mut scope, parameters.provider_id).await?;
    let days = checks::within("days", parameters.days, 7, 1..=92)?;
    let zone = scope.organization.time_zone.tz();
    let from = first_date(session, &scope, parameters.date_from);
    let until = last_date(from, days)?;
    let in_force =
        db::schedules::in_force(&mut scope.tx, from, until, Some(provider.id), None).await?;
    let schedules: Vec<Schedule> = in_force
        .into_iter()
        .filter(|schedule| schedule.operatory_id.is_none())
        .collect();
    let subject = Subject::Provider(provider.id);
    let hours = Timetable::new(&schedules).hours(subject, from..=until, zone);
    Ok(ProviderSchedules {
        provider_id: provider.id,
        schedules,
        hours,
    })
}

fn first_date(session: &Session, scope: &Scope, given: Option<NaiveDate>) -> NaiveDate {
    let today = || clock::shown(session.now(), scope.organization.time_zone.tz()).date();
    given.unwrap_or_else(today)
}

/// Returns the last date of a range of days.
fn last_date(from: NaiveDate, days: u32) -> Result<NaiveDate> {
    from.checked_add_days(Days::new(u64::from(days) - 1))
        .ok_or_else(|| {
            Error::bad_input(format!("{days} days from {from} exceed the range of dates"))
        })
}

/// A schedule after a change.
#[derive(Debug, Serialize)]
pub struct ScheduleChange {
    /// `false` if nothing changed.
    pub changed: bool,
    pub before: Option<Schedule>,
    pub schedule: Schedule,
}

/// Adds working hours, a holiday or a blockout.
///
/// # Errors
/// `BadInput` for fields that its kind does not allow, `NotFound` for a provider or operatory that
/// does not exist, `Conflict` for working hours that overlap others.
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    parameters: &CreateSchedule,
) -> Result<ScheduleChange> {
    let permission = Function::CreateSchedule.permission();
    let mut scope = session.write(organization, permission).await?;
    let schedule = new_schedule(session, parameters)?;
    require_subject(&mut scope, &schedule).await?;
    require_no_overlap(&mut scope, &schedule).await?;
    db::schedules::insert(&mut scope.tx, &schedule).await?;
    let change = change("schedule.create", None, Some(&schedule));
    scope.finish(session, change).await?;
    Ok(ScheduleChange {
        changed: true,
        before: None,
        schedule,
    })
}

fn new_schedule(session: &Session, parameters: &CreateSchedule) -> Result<Schedule> {
    let now = session.now();
    let is_of_dates = matches!(parameters.kind, ScheduleKind::Date | ScheduleKind::Holiday);
    let one_day = parameters.valid_from.filter(|_| is_of_dates);
    let schedule = Schedule {
        id: new_id().into(),
        kind: parameters.kind,
        provider_id: parameters.provider_id,
        operatory_id: parameters.operatory_id,
        weekday: parameters.weekday,
        valid_from: parameters.valid_from,
        valid_until: parameters.valid_until.or(one_day),
        start_time: parameters.start_time,
        end_time: parameters.end_time,
        note: optional(parameters.note.as_deref(), note)?,
        created_at: now,
        updated_at: now,
    };
    schedule.check()?;
    Ok(schedule)
}

async fn require_subject(scope: &mut Scope, schedule: &Schedule) -> Result<()> {
    if let Some(id) = schedule.provider_id {
        resources::require_active::<Provider>(scope, id).await?;
    }
    if let Some(id) = schedule.operatory_id {
        resources::require_active::<Operatory>(scope, id).await?;
    }
    Ok(())
}

/// Rejects working hours that overlap others. Changes within an organization are serialized, so no
/// schedule is inserted between the check and the insert.
async fn require_no_overlap(scope: &mut Scope, schedule: &Schedule) -> Result<()> {
    let filter = ScheduleFilter {
        kind: Some(schedule.kind),
        provider: schedule.provider_id,
        operatory: schedule.operatory_id,
        organization_only: schedule.provider_id.is_none() && schedule.operatory_id.is_none(),
        ..ScheduleFilter::default()
    };
    let others = db::schedules::list(&mut scope.tx, &filter).await?;
    let overlaps = |other: &&Schedule| other.id != schedule.id && other.overlaps(schedule);
    match others.iter().find(overlaps) {
        None => Ok(()),
        Some(other) => Err(Error::conflict(format!(
            "these working hours overlap those of schedule {}",
            other.id
        ))
        .hint(run!["schedule", "show", other.id].labeled("show the schedule"))
        .hint("change that one, or end it with --until (valid_until)")),
    }
}

/// Updates a schedule. Its kind, provider and operatory cannot change.
///
/// # Errors
/// `NotFound`; the errors of [`create`].
pub async fn update(
    session: &Session,
    organization: OrganizationId,
    parameters: UpdateSchedule,
) -> Result<ScheduleChange> {
    let permission = Function::UpdateSchedule.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.schedule_id).await?;
    let mut after = Schedule {
        weekday: patched(parameters.weekday, before.weekday),
        valid_from: patched(parameters.valid_from, before.valid_from),
        valid_until: patched(parameters.valid_until, before.valid_until),
        start_time: parameters.start_time.or(before.start_time),
        end_time: parameters.end_time.or(before.end_time),
        note: patched(parse_patch(parameters.note, note)?, before.note.clone()),
        ..before.clone()
    };
    after.check()?;
    if after == before {
        return Ok(ScheduleChange {
            changed: false,
            before: Some(before),
            schedule: after,
        });
    }
    require_no_overlap(&mut scope, &after).await?;
    after.updated_at = session.now();
    db::schedules::update(&mut scope.tx, &after).await?;
    let change = change("schedule.update", Some(&before), Some(&after));
    scope.finish(session, change).await?;
    Ok(ScheduleChange {
        changed: true,
        before: Some(before),
        schedule: after,
    })
}

/// Deletes a schedule.
///
/// # Errors
/// `NotFound`.
pub async fn delete(
    session: &Session,
    organization: OrganizationId,
    parameters: &DeleteSchedule,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let permission = Function::DeleteSchedule.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.schedule_id).await?;
    db::schedules::delete(&mut scope.tx, before.id).await?;
    let change = change("schedule.delete", Some(&before), None);
    scope.finish(session, change).await?;
    Ok(Removal::deleted(before.id))
}

/// The default schedules that were added.
#[derive(Debug, Serialize)]
pub struct DefaultSchedules {
    pub schedules: Vec<Schedule>,
    /// Providers that already have working hours of their own; these were not changed.
    pub skipped_provider_ids: Vec<ProviderId>,
}

/// Adds the default schedule to providers without current or future weekly hours of their own.
///
/// # Errors
/// `NotFound` or `Conflict` for a provider that does not exist or is archived, `BadInput` for hours
/// that end before they start.
pub async fn create_defaults(
    session: &Session,
    organization: OrganizationId,
    parameters: &CreateDefaultSchedules,
) -> Result<DefaultSchedules> {
    let permission = Function::CreateDefaultSchedules.permission();
    let mut scope = session.write(organization, permission).await?;
    let provider_ids = providers_of(&mut scope, parameters).await?;
    let weekdays = match parameters.weekdays.as_slice() {
        [] => Weekday::WORKING.to_vec(),
        given => {
            let mut days = given.to_vec();
            days.sort_unstable();
            days.dedup();
            days
        }
    };
    let weekly = ScheduleFilter {
        kind: Some(ScheduleKind::Weekly),
        ..ScheduleFilter::default()
    };
    let known = db::schedules::list(&mut scope.tx, &weekly).await?;
    let today = first_date(session, &scope, None);
    let has_own = |id: &ProviderId| {
        let mut theirs = known.iter().filter(|one| one.provider_id == Some(*id));
        theirs.any(|one| one.valid_until.is_none_or(|until| until >= today))
    };
    let (skipped, wanting): (Vec<_>, Vec<_>) = provider_ids.into_iter().partition(has_own);
    let mut schedules = Vec::new();
    for provider in wanting {
        for weekday in weekdays.iter().copied() {
            let schedule = new_schedule(session, &usual_day(parameters, provider, weekday))?;
            db::schedules::insert(&mut scope.tx, &schedule).await?;
            schedules.push(schedule);
        }
    }
    if !schedules.is_empty() {
        let change = Change {
            action: "schedule.create_defaults",
            object_type: "organization",
            object_id: scope.organization.id.to_string(),
            before: None,
            after: Some(json!({ "schedules": schedules })),
        };
        scope.finish(session, change).await?;
    }
    Ok(DefaultSchedules {
        schedules,
        skipped_provider_ids: skipped,
    })
}

async fn providers_of(
    scope: &mut Scope,
    parameters: &CreateDefaultSchedules,
) -> Result<Vec<ProviderId>> {
    if parameters.provider_ids.is_empty() {
        let active = Provider::list(&mut scope.tx, &ResourceFilter::default()).await?;
        return Ok(active.into_iter().map(|provider| provider.id).collect());
    }
    let mut ids = parameters.provider_ids.clone();
    ids.sort_unstable();
    ids.dedup();
    for id in &ids {
        resources::require_active::<Provider>(scope, *id).await?;
    }
    Ok(ids)
}

fn usual_day(
    parameters: &CreateDefaultSchedules,
    provider: ProviderId,
    weekday: Weekday,
) -> CreateSchedule {
    let usual = |hour: u16| ClockTime::from_minutes(hour * 60);
    CreateSchedule {
        kind: ScheduleKind::Weekly,
        provider_id: Some(provider),
        operatory_id: None,
        weekday: Some(weekday),
        valid_from: None,
        valid_until: None,
        start_time: parameters.start_time.or(usual(9)),
        end_time: parameters.end_time.or(usual(17)),
        note: None,
    }
}

/// Conflicts among schedules and appointments.
#[derive(Debug, Serialize)]
pub struct ScheduleConflicts {
    pub date_from: NaiveDate,
    pub date_until: NaiveDate,
    pub conflicts: Vec<Conflict>,
}

/// Returns schedules that overlap, and open appointments outside of the working hours.
///
/// # Errors
/// `NotFound`; `BadInput` if the number of days is out of range, or for a proposed schedule with
/// fields that its kind does not allow.
pub async fn check_conflicts(
    session: &Session,
    organization: OrganizationId,
    parameters: &CheckScheduleConflicts,
) -> Result<ScheduleConflicts> {
    let function = Function::CheckScheduleConflicts;
    let mut scope = session.read(organization, function.permission()).await?;
    let done = check_conflicts_in(session, &mut scope, parameters).await;
    access_log::end(session, scope, function, done).await
}

async fn check_conflicts_in(
    session: &Session,
    scope: &mut Scope,
    parameters: &CheckScheduleConflicts,
) -> Result<Done<ScheduleConflicts>> {
    let (provider, operatory) = (parameters.provider_id, parameters.operatory_id);
    if let Some(id) = provider {
        resources::require::<Provider>(scope, id).await?;
    }
    if let Some(id) = operatory {
        resources::require::<Operatory>(scope, id).await?;
    }
    let days = checks::within("days", parameters.days, 92, 1..=366)?;
    let zone = scope.organization.time_zone.tz();
    let from = first_date(session, scope, parameters.date_from);
    let until = last_date(from, days)?;
    // An appointment may begin on the date before the range, or end on the date after it.
    let around = (from - Days::new(1), until + Days::new(1));
    let mut schedules =
        db::schedules::in_force(&mut scope.tx, around.0, around.1, provider, operatory).await?;
    if let Some(proposed) = &parameters.proposed {
        let proposed = new_schedule(session, proposed)?;
        require_subject(scope, &proposed).await?;
        schedules.push(proposed);
    }
    let window = (
        clock::whole_date(from, zone).start,
        clock::whole_date(until, zone).end,
    );
    let bookings =
        db::appointments::open(&mut scope.tx, window.0, window.1, provider, operatory).await?;
    let mut found = conflicts::overlapping(&schedules);
    found.extend(conflicts::outside_hours(&bookings, &schedules, zone));
    let named: Vec<_> = found.iter().filter_map(Conflict::appointment_id).collect();
    if !named.is_empty() {
        let patients = db::appointments::patients_of(&mut scope.tx, &named).await?;
        scope.records.extend(patients);
    }
    let conflicts = ScheduleConflicts {
        date_from: from,
        date_until: until,
        conflicts: found,
    };
    Ok((conflicts, None))
}

async fn require(scope: &mut Scope, id: ScheduleId) -> Result<Schedule> {
    db::schedules::find(&mut scope.tx, id)
        .await?
        .ok_or_else(|| missing::schedule(id))
}

fn note(text: &str) -> Result<String> {
    text::notes("note", text)
}

fn change(action: &'static str, before: Option<&Schedule>, after: Option<&Schedule>) -> Change {
    Change {
        action,
        object_type: "schedule",
        object_id: before
            .or(after)
            .map_or_else(String::new, |schedule| schedule.id.to_string()),
        before: before.map(|schedule| json!(schedule)),
        after: after.map(|schedule| json!(schedule)),
    }
}
