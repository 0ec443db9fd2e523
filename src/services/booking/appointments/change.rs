//! Changes of appointments. Double bookings are prevented by constraints of the database.

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    confirm::Confirmed,
    db::{self, Table as _, appointments::NotStored},
    domain::{
        AppointmentId, OrganizationId,
        booking::{
            Appointment, AppointmentStatus, Function, Operatory, Patient, Provider, clock,
            parameters::{
                BreakAppointment, CreateAppointment, DeleteAppointment, UpdateAppointment, patched,
            },
            text,
        },
    },
    error::{Error, Result},
    rfc3339, run,
    services::{
        Scope, Session,
        activity::Change,
        booking::{
            access_log::{self, Done},
            checks::{self, Removal, optional, parse_patch},
            missing, resources, slots,
        },
    },
    system::new_id,
};

/// An appointment after a change.
#[derive(Debug, Serialize)]
pub struct AppointmentChange {
    /// `false` if nothing changed.
    pub changed: bool,
    /// The state before the change; `None` for a new appointment.
    pub before: Option<Appointment>,
    pub appointment: Appointment,
}

/// Books an appointment.
///
/// # Errors
/// `NotFound` for a patient, provider or operatory that does not exist; `Conflict` for one that is
/// archived, for a time outside of the schedules, and for a time that is taken. The latter two
/// propose the next free slots.
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    parameters: &CreateAppointment,
) -> Result<AppointmentChange> {
    let function = Function::CreateAppointment;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = create_in(session, &mut scope, parameters).await;
    end(session, scope, function, done).await
}

async fn create_in(
    session: &Session,
    scope: &mut Scope,
    parameters: &CreateAppointment,
) -> Result<Done<AppointmentChange>, Refusal> {
    let status = parameters.status.unwrap_or(AppointmentStatus::Scheduled);
    if !status.is_open() {
        return Err(Refusal::from(
            Error::bad_input(format!(
                "a new appointment cannot be {status} (expected scheduled or confirmed)"
            ))
            .hint("book it first, then break, cancel or complete it"),
        ));
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
    if !parameters.in_past {
        refuse_past(session, scope, &appointment)?;
    }
    require_parents(scope, None, &appointment).await?;
    if !parameters.outside_schedule {
        slots::require_open(session, scope, &appointment).await?;
    }
    require_new_external_id(scope, &appointment).await?;
    if let Err(error) = appointment.insert(&mut scope.tx).await {
        return Err(Refusal::of(error, appointment));
    }
    let change = change("appointment.create", None, Some(&appointment));
    let created = AppointmentChange {
        changed: true,
        before: None,
        appointment,
    };
    Ok((created, Some(change)))
}

/// Updates an appointment: moves, confirms, completes or cancels it, or changes its details.
///
/// # Errors
/// Same as [`create`]; `Conflict` if its status does not allow the change.
pub async fn update(
    session: &Session,
    organization: OrganizationId,
    parameters: UpdateAppointment,
) -> Result<AppointmentChange> {
    let function = Function::UpdateAppointment;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = update_in(session, &mut scope, parameters).await;
    end(session, scope, function, done).await
}

async fn update_in(
    session: &Session,
    scope: &mut Scope,
    parameters: UpdateAppointment,
) -> Result<Done<AppointmentChange>, Refusal> {
    let before = require(scope, parameters.appointment_id).await?;
    let UpdateAppointment {
        outside_schedule,
        in_past,
        ..
    } = parameters;
    let after = updated(scope, &before, parameters)?;
    check_status(&before, &after)?;
    if after == before {
        return Ok((unchanged(before), None));
    }
    let is_placed_anew = moved(&before, &after) || !before.status.occupies();
    let is_booked_anew = is_placed_anew && after.status.occupies();
    if is_booked_anew && !in_past {
        refuse_past(session, scope, &after)?;
    }
    // An archived provider or operatory may stay as long as the appointment is not moved.
    let kept = Some(&before).filter(|_| !is_booked_anew);
    require_parents(scope, kept, &after).await?;
    if is_booked_anew && !outside_schedule {
        slots::require_open(session, scope, &after).await?;
    }
    if before.external_id != after.external_id {
        require_new_external_id(scope, &after).await?;
    }
    store(session, scope, "appointment.update", before, after).await
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
            Error::bad_input("a broken appointment requires a reason").hint(
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
            _ => "use --status scheduled (status) to book it again first".into(),
        }));
    }
    let is_elsewhere = moved(before, after) || before.patient_id != after.patient_id;
    if before.status == AppointmentStatus::Completed && is_elsewhere {
        return Err(Error::conflict(format!(
            "appointment {id} took place: its time, patient, provider and operatory cannot change"
        ))
        .hint(run!["appointment", "create"].labeled("book another")));
    }
    Ok(())
}

/// Rejects an appointment that would have ended already, which is usually a typing error in the
/// date. One that has started and not ended is allowed.
fn refuse_past(session: &Session, scope: &Scope, wanted: &Appointment) -> Result<()> {
    if wanted.ends_at > session.now() {
        return Ok(());
    }
    let zone = scope.organization.time_zone.tz();
    let starts_at = clock::shown(wanted.starts_at, zone).format("%Y-%m-%dT%H:%M");
    Err(
        Error::bad_input(format!("starts_at: {starts_at} is in the past"))
            .hint("use --in-past (in_past) to record it anyway"),
    )
}

/// Returns `true` if the time, the provider or the operatory differs.
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

/// Marks an appointment as missed by the patient: frees the slot and keeps the record.
///
/// # Errors
/// `NotFound`; `BadInput` without a reason; `Conflict` if it took place.
pub async fn break_one(
    session: &Session,
    organization: OrganizationId,
    parameters: &BreakAppointment,
) -> Result<AppointmentChange> {
    let function = Function::BreakAppointment;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = break_in(session, &mut scope, parameters).await;
    end(session, scope, function, done).await
}

async fn break_in(
    session: &Session,
    scope: &mut Scope,
    parameters: &BreakAppointment,
) -> Result<Done<AppointmentChange>, Refusal> {
    let before = require(scope, parameters.appointment_id).await?;
    let reason = text::reason(&parameters.reason)?;
    let after = Appointment {
        status: AppointmentStatus::Broken,
        broken_reason: Some(reason),
        ..before.clone()
    };
    if !before.status.may_become(AppointmentStatus::Broken) {
        let id = before.id;
        return Err(Refusal::from(
            Error::conflict(format!(
                "appointment {id} is {}: it cannot be broken",
                before.status
            ))
            .hint(run!["appointment", "show", id].labeled("show the appointment")),
        ));
    }
    if after == before {
        return Ok((unchanged(before), None));
    }
    store(session, scope, "appointment.break", before, after).await
}

/// Deletes an appointment permanently.
///
/// # Errors
/// `NotFound`.
pub async fn delete(
    session: &Session,
    organization: OrganizationId,
    parameters: &DeleteAppointment,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let function = Function::DeleteAppointment;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = delete_in(&mut scope, parameters.appointment_id).await;
    access_log::end(session, scope, function, done).await
}

async fn delete_in(scope: &mut Scope, id: AppointmentId) -> Result<Done<Removal>> {
    let before = require(scope, id).await?;
    Appointment::delete(&mut scope.tx, id).await?;
    let change = change("appointment.delete", Some(&before), None);
    Ok((Removal::deleted(id), Some(change)))
}

/// The reason an appointment is not stored.
enum Refusal {
    Plain(Error),
    /// The time is taken. Alternatives are read after the failed transaction has ended.
    Taken {
        what: &'static str,
        wanted: Box<Appointment>,
    },
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Plain(error)
    }
}

impl Refusal {
    fn of(error: NotStored, wanted: Appointment) -> Self {
        let what = match error {
            NotStored::ProviderTaken => "provider",
            NotStored::OperatoryTaken => "operatory",
            NotStored::Other(error) => return Self::Plain(error),
        };
        let wanted = Box::new(wanted);
        Self::Taken { what, wanted }
    }
}

/// Ends a change of an appointment, like [`access_log::end`].
async fn end<T>(
    session: &Session,
    mut scope: Scope,
    function: Function,
    done: Result<Done<T>, Refusal>,
) -> Result<T> {
    let (what, wanted) = match done {
        Ok(done) => return access_log::end(session, scope, function, Ok(done)).await,
        Err(Refusal::Plain(error)) => {
            return access_log::end(session, scope, function, Err(error)).await;
        }
        Err(Refusal::Taken { what, wanted }) => (what, wanted),
    };
    let organization = scope.organization.id;
    let records = std::mem::take(&mut scope.records);
    scope.tx.rollback().await?;
    let error = slots::taken(session, what, &wanted, organization).await;
    Err(access_log::refuse(session, organization, function.into(), records, error).await)
}

async fn store(
    session: &Session,
    scope: &mut Scope,
    action: &'static str,
    before: Appointment,
    mut after: Appointment,
) -> Result<Done<AppointmentChange>, Refusal> {
    after.updated_at = session.now();
    if let Err(error) = after.update(&mut scope.tx).await {
        return Err(Refusal::of(error, after));
    }
    let change = change(action, Some(&before), Some(&after));
    let stored = AppointmentChange {
        changed: true,
        before: Some(before),
        appointment: after,
    };
    Ok((stored, Some(change)))
}

/// Rejects an external id that another appointment has. The check runs before the insert to log
/// access to the other appointment's patient. Changes within an organization are serialized, so a
/// duplicate cannot appear in between.
async fn require_new_external_id(scope: &mut Scope, wanted: &Appointment) -> Result<()> {
    let Some(external_id) = &wanted.external_id else {
        return Ok(());
    };
    let other = db::appointments::patient_of_external_id(&mut scope.tx, external_id).await?;
    scope.records.extend(other);
    match other {
        Some(_) => Err(db::resources::external_id_taken("appointment")),
        None => Ok(()),
    }
}

async fn require(scope: &mut Scope, id: AppointmentId) -> Result<Appointment> {
    let found = Appointment::find(&mut scope.tx, id).await?;
    let appointment = found.ok_or_else(|| missing::appointment(id))?;
    scope.records.push(appointment.patient_id);
    Ok(appointment)
}

/// Rejects a patient, provider or operatory that does not exist or is archived. References that the
/// appointment had before may stay.
async fn require_parents(
    scope: &mut Scope,
    before: Option<&Appointment>,
    after: &Appointment,
) -> Result<()> {
    if before.is_none_or(|before| before.patient_id != after.patient_id) {
        resources::require_active::<Patient>(scope, after.patient_id).await?;
    }
    if before.is_none_or(|before| before.provider_id != after.provider_id) {
        resources::require_active::<Provider>(scope, after.provider_id).await?;
    }
    if let Some(id) = after.operatory_id
        && before.is_none_or(|before| before.operatory_id != Some(id))
    {
        resources::require_active::<Operatory>(scope, id).await?;
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

fn unchanged(appointment: Appointment) -> AppointmentChange {
    AppointmentChange {
        changed: false,
        before: Some(appointment.clone()),
        appointment,
    }
}

/// Builds the activity entry. Time, patient, provider and operatory are logged with their values;
/// texts that may reveal health data only by field name.
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
