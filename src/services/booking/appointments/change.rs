//! What may become of an appointment. That nobody is booked twice is kept by the database.

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    confirm::Confirmed,
    context::new_id,
    db::{self, appointments::NotStored},
    domain::{
        AppointmentId, OrganizationId,
        booking::{
            Appointment, AppointmentStatus, Function,
            parameters::{
                BreakAppointment, CreateAppointment, DeleteAppointment, UpdateAppointment, patched,
            },
            text,
        },
        rfc3339,
    },
    error::{Error, Result},
    run,
    services::{
        Scope, Session,
        activity::Change,
        booking::{
            access_log,
            checks::{self, Removal, optional, parse_patch},
            missing, operatories, patients, providers, slots,
        },
    },
};

/// An appointment after a change.
#[derive(Debug, Serialize)]
pub struct AppointmentChange {
    /// `false`: it was so already.
    pub changed: bool,
    /// The state before, where there was one.
    pub before: Option<Appointment>,
    pub appointment: Appointment,
}

/// Books an appointment.
///
/// # Errors
/// `NotFound` for a patient, provider or operatory that is not there; `Conflict` for one that is
/// archived, for a time outside of the schedules, and for a time that is taken: both name the next
/// free slots.
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    parameters: &CreateAppointment,
) -> Result<AppointmentChange> {
    let permission = Function::CreateAppointment.permission();
    let mut scope = session.write(organization, permission).await?;
    let status = parameters.status.unwrap_or(AppointmentStatus::Scheduled);
    if !status.is_open() {
        return Err(Error::bad_input(format!(
            "a new appointment cannot be {status}: allowed are scheduled, confirmed"
        ))
        .hint("book it first, then break, cancel or complete it"));
    }
    let starts_at = parameters
        .starts_at
        .resolve(scope.organization.time_zone.tz())?;
    let now = session.now();
    let appointment = Appointment {
        id: new_id().into(),
        external_id: optional(parameters.external_id.as_deref(), text::external_id)?,
        patient_id: parameters.patient_id,
        provider_id: parameters.provider_id,
        operatory_id: parameters.operatory_id,
        starts_at,
        ends_at: starts_at + length(parameters.length_minutes)?,
        status,
        service: optional(parameters.service.as_deref(), service)?,
        notes: optional(parameters.notes.as_deref(), notes)?,
        broken_reason: None,
        created_at: now,
        updated_at: now,
    };
    require_parents(&mut scope, None, &appointment).await?;
    if !parameters.outside_schedule {
        slots::require_open(session, &mut scope, &appointment).await?;
    }
    let stored = db::appointments::insert(&mut scope.tx, &appointment).await;
    if let Err(error) = stored {
        drop(scope);
        return Err(refused(session, organization, error, &appointment).await);
    }
    let change = change("appointment.create", None, Some(&appointment));
    scope.finish(session, change).await?;
    Ok(AppointmentChange {
        changed: true,
        before: None,
        appointment,
    })
}

/// Changes an appointment: moves it, confirms, completes or cancels it.
///
/// # Errors
/// As [`create`]; `Conflict` where its status does not allow it.
pub async fn update(
    session: &Session,
    organization: OrganizationId,
    parameters: UpdateAppointment,
) -> Result<AppointmentChange> {
    let permission = Function::UpdateAppointment.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.appointment_id).await?;
    let outside_schedule = parameters.outside_schedule;
    let after = updated(&scope, &before, parameters)?;
    check_status(&before, &after)?;
    let function = Function::UpdateAppointment;
    if after == before {
        return unchanged(session, scope, function, before).await;
    }
    let is_placed_anew = moved(&before, &after) || !before.status.occupies();
    let is_booked_anew = is_placed_anew && after.status.occupies();
    // What it had before may stay while it stays where it is.
    let kept = Some(&before).filter(|_| !is_booked_anew);
    require_parents(&mut scope, kept, &after).await?;
    if is_booked_anew && !outside_schedule {
        slots::require_open(session, &mut scope, &after).await?;
    }
    store(
        session,
        scope,
        function,
        "appointment.update",
        before,
        after,
    )
    .await
}

fn updated(
    scope: &Scope,
    before: &Appointment,
    parameters: UpdateAppointment,
) -> Result<Appointment> {
    let before = before.clone();
    let starts_at = match parameters.starts_at {
        Some(moment) => moment.resolve(scope.organization.time_zone.tz())?,
        None => before.starts_at,
    };
    let length = match parameters.length_minutes {
        Some(minutes) => length(Some(minutes))?,
        None => before.length(),
    };
    let status = parameters.status.unwrap_or(before.status);
    let external_id = parse_patch(parameters.external_id, text::external_id)?;
    Ok(Appointment {
        external_id: patched(external_id, before.external_id),
        patient_id: parameters.patient_id.unwrap_or(before.patient_id),
        provider_id: parameters.provider_id.unwrap_or(before.provider_id),
        operatory_id: patched(parameters.operatory_id, before.operatory_id),
        starts_at,
        ends_at: starts_at + length,
        service: patched(parse_patch(parameters.service, service)?, before.service),
        notes: patched(parse_patch(parameters.notes, notes)?, before.notes),
        status,
        ..before
    })
}

fn check_status(before: &Appointment, after: &Appointment) -> Result<()> {
    let id = before.id;
    if after.status == AppointmentStatus::Broken && before.status != AppointmentStatus::Broken {
        return Err(
            Error::bad_input("an appointment is broken with a reason").hint(
                run!["appointment", "break", id, "--reason", "TEXT"].remark("BreakAppointment"),
            ),
        );
    }
    if !before.status.may_become(after.status) {
        return Err(Error::conflict(format!(
            "appointment {id} is {}: it cannot become {}",
            before.status, after.status
        ))
        .hint(match before.status {
            AppointmentStatus::Completed => run!["appointment", "create"].labeled("book another"),
            _ => "book it again first: --status scheduled (status)".into(),
        }));
    }
    let is_elsewhere = moved(before, after) || before.patient_id != after.patient_id;
    if before.status == AppointmentStatus::Completed && is_elsewhere {
        return Err(Error::conflict(format!(
            "appointment {id} took place: when, with whom and where stays"
        ))
        .hint(run!["appointment", "create"].labeled("book another")));
    }
    Ok(())
}

/// Whether when, with which provider or where it takes place differs.
fn moved(before: &Appointment, after: &Appointment) -> bool {
    let place = |one: &Appointment| {
        (
            one.provider_id,
            one.operatory_id,
            one.starts_at,
            one.ends_at,
        )
    };
    place(before) != place(after)
}

/// Notes that the patient did not come: frees the slot, keeps the record.
///
/// # Errors
/// `NotFound`, `BadInput` without a reason; `Conflict` when it took place.
pub async fn break_one(
    session: &Session,
    organization: OrganizationId,
    parameters: &BreakAppointment,
) -> Result<AppointmentChange> {
    let permission = Function::BreakAppointment.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.appointment_id).await?;
    let reason = text::reason(&parameters.reason)?;
    let after = Appointment {
        status: AppointmentStatus::Broken,
        broken_reason: Some(reason),
        ..before.clone()
    };
    if !before.status.may_become(AppointmentStatus::Broken) {
        let id = before.id;
        return Err(Error::conflict(format!(
            "appointment {id} is {}: it cannot be broken",
            before.status
        ))
        .hint(run!["appointment", "show", id].labeled("look at it")));
    }
    let function = Function::BreakAppointment;
    if after == before {
        return unchanged(session, scope, function, before).await;
    }
    store(session, scope, function, "appointment.break", before, after).await
}

/// Deletes an appointment and its record.
///
/// # Errors
/// `NotFound`.
pub async fn delete(
    session: &Session,
    organization: OrganizationId,
    parameters: &DeleteAppointment,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let permission = Function::DeleteAppointment.permission();
    let mut scope = session.write(organization, permission).await?;
    let before = require(&mut scope, parameters.appointment_id).await?;
    db::appointments::delete(&mut scope.tx, before.id).await?;
    let change = change("appointment.delete", Some(&before), None);
    scope.finish(session, change).await?;
    Ok(Removal::deleted(before.id))
}

async fn store(
    session: &Session,
    mut scope: Scope,
    function: Function,
    action: &'static str,
    before: Appointment,
    mut after: Appointment,
) -> Result<AppointmentChange> {
    after.updated_at = session.now();
    let stored = db::appointments::update(&mut scope.tx, &after).await;
    if let Err(error) = stored {
        let organization = scope.organization.id;
        drop(scope);
        return Err(refused(session, organization, error, &after).await);
    }
    let shown = vec![before.patient_id, after.patient_id];
    access_log::record(session, &mut scope, function, shown).await?;
    let change = change(action, Some(&before), Some(&after));
    scope.finish(session, change).await?;
    Ok(AppointmentChange {
        changed: true,
        before: Some(before),
        appointment: after,
    })
}

async fn refused(
    session: &Session,
    organization: OrganizationId,
    error: NotStored,
    wanted: &Appointment,
) -> Error {
    match error {
        NotStored::ProviderTaken => slots::taken(session, "provider", wanted, organization).await,
        NotStored::OperatoryTaken => slots::taken(session, "operatory", wanted, organization).await,
        NotStored::Other(error) => error,
    }
}

async fn require(scope: &mut Scope, id: AppointmentId) -> Result<Appointment> {
    db::appointments::find(&mut scope.tx, id)
        .await?
        .ok_or_else(|| missing::appointment(id))
}

/// Refuses a patient, provider or operatory that is not there or archived; what an appointment had
/// before may stay.
async fn require_parents(
    scope: &mut Scope,
    before: Option<&Appointment>,
    after: &Appointment,
) -> Result<()> {
    if before.is_none_or(|before| before.patient_id != after.patient_id) {
        patients::require_active(scope, after.patient_id).await?;
    }
    if before.is_none_or(|before| before.provider_id != after.provider_id) {
        providers::require_active(scope, after.provider_id).await?;
    }
    if let Some(id) = after.operatory_id
        && before.is_none_or(|before| before.operatory_id != Some(id))
    {
        operatories::require_active(scope, id).await?;
    }
    Ok(())
}

fn length(minutes: Option<u32>) -> Result<TimeDelta> {
    let minutes = checks::within("length_minutes", minutes, slots::USUAL_LENGTH, 1..=1440)?;
    Ok(TimeDelta::minutes(minutes.into()))
}

fn service(text: &str) -> Result<String> {
    text::name("service", text)
}

fn notes(text: &str) -> Result<String> {
    text::notes("notes", text)
}

async fn unchanged(
    session: &Session,
    mut scope: Scope,
    function: Function,
    appointment: Appointment,
) -> Result<AppointmentChange> {
    let shown = vec![appointment.patient_id];
    access_log::record(session, &mut scope, function, shown).await?;
    scope.tx.commit().await?;
    Ok(AppointmentChange {
        changed: false,
        before: Some(appointment.clone()),
        appointment,
    })
}

/// When, with whom and where is kept with its values; what may tell of a patient's health by its
/// name alone.
fn change(
    action: &'static str,
    before: Option<&Appointment>,
    after: Option<&Appointment>,
) -> Change {
    let texts = match (before, after) {
        (Some(before), Some(after)) => changed_texts(before, after),
        _ => Vec::new(),
    };
    Change {
        action,
        object_type: "appointment",
        object_id: before
            .or(after)
            .map_or_else(String::new, |appointment| appointment.id.to_string()),
        before: before.map(|before| snapshot(before, &[])),
        after: after.map(|after| snapshot(after, &texts)),
    }
}

fn changed_texts(before: &Appointment, after: &Appointment) -> Vec<&'static str> {
    [
        ("external_id", before.external_id != after.external_id),
        ("service", before.service != after.service),
        ("notes", before.notes != after.notes),
        ("broken_reason", before.broken_reason != after.broken_reason),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

fn snapshot(appointment: &Appointment, changed_texts: &[&str]) -> Value {
    let mut snapshot = json!({
        "patient_id": appointment.patient_id,
        "provider_id": appointment.provider_id,
        "operatory_id": appointment.operatory_id,
        "starts_at": rfc3339::format(&appointment.starts_at),
        "ends_at": rfc3339::format(&appointment.ends_at),
        "status": appointment.status,
    });
    if !changed_texts.is_empty() {
        snapshot["changed_fields"] = json!(changed_texts);
    }
    snapshot
}
