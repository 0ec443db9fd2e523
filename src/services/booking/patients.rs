//! The functions on patients. What the activity log keeps of a change are the names of the fields,
//! not their values, so that a patient can be erased without breaking its chain.

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::json;

use super::{
    access_log::{self, Done},
    checks::{self, Removal, optional, parse_patch},
    missing,
};
use crate::{
    confirm::Confirmed,
    context::new_id,
    db::{self, appointments::Parent, patients::PatientFilter},
    domain::{
        Locale, Organization, OrganizationId, PatientId,
        booking::{
            Duplicate, Function, PageMark, Patient, name_search,
            parameters::{
                CreatePatient, DeletePatient, GetAllPatients, GetMultiplePatients, GetPatient,
                LONGEST_PAGE, UpdatePatient, patched,
            },
            text,
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, activity::Change},
};

/// A page of patients.
#[derive(Debug, Serialize)]
pub struct PatientsPage {
    pub patients: Vec<Patient>,
    /// Position after which the next page begins; null: this is the last page.
    pub next_after: Option<PageMark>,
}

/// The patients that match, in the order of their names.
///
/// # Errors
/// `BadInput` for a filter that cannot be meant.
pub async fn get_all(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetAllPatients,
) -> Result<PatientsPage> {
    let function = Function::GetAllPatients;
    let mut scope = session.read(organization, function.permission()).await?;
    let done = get_all_in(&mut scope, parameters).await;
    access_log::end(session, scope, function, done).await
}

async fn get_all_in(scope: &mut Scope, parameters: &GetAllPatients) -> Result<Done<PatientsPage>> {
    let limit = checks::page(parameters.limit)?;
    let filter = PatientFilter {
        limit: limit + 1,
        ..filter(parameters, &scope.organization)?
    };
    let found = db::patients::page(&mut scope.tx, &filter).await?;
    let (patients, more) = checks::cut(found, limit);
    let shown = patients.iter().map(|patient| patient.id);
    scope.records.extend(shown);
    let page = PatientsPage {
        next_after: patients.last().filter(|_| more).map(place),
        patients,
    };
    Ok((page, None))
}

fn place(patient: &Patient) -> PageMark {
    let key = name_search::sort_name(&patient.first_name, &patient.last_name);
    PageMark::new(key, patient.id)
}

fn filter(parameters: &GetAllPatients, organization: &Organization) -> Result<PatientFilter> {
    let name_parts = match parameters.search.as_deref() {
        None => Vec::new(),
        Some(search) => {
            let parts = name_search::parts([text::query("search", search)?.as_str()]);
            if parts.is_empty() {
                return Err(Error::bad_input("search has no letter in it")
                    .hint("give the start of one or more parts of the name: \"mar mull\""));
            }
            parts
        }
    };
    let phone = parameters.phone.as_deref();
    Ok(PatientFilter {
        name_parts,
        phone: phone
            .map(|text| checks::phone(text, organization))
            .transpose()?,
        email: parameters.email.as_deref().map(checks::email).transpose()?,
        birth_date: parameters.birth_date,
        include_archived: parameters.include_archived,
        after: parameters.after.clone(),
        limit: 0,
    })
}

/// Patients by their ids.
#[derive(Debug, Serialize)]
pub struct ManyPatients {
    pub patients: Vec<Patient>,
    /// The ids of which there is no patient.
    pub missing: Vec<String>,
}

/// The patients with these ids, in the order of their names.
///
/// # Errors
/// `BadInput` for none or too many ids.
pub async fn get_multiple(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetMultiplePatients,
) -> Result<ManyPatients> {
    let function = Function::GetMultiplePatients;
    let mut scope = session.read(organization, function.permission()).await?;
    let done = get_multiple_in(&mut scope, parameters).await;
    access_log::end(session, scope, function, done).await
}

async fn get_multiple_in(
    scope: &mut Scope,
    parameters: &GetMultiplePatients,
) -> Result<Done<ManyPatients>> {
    let (ids, external_ids) = (&parameters.patient_ids, &parameters.external_ids);
    let most = LONGEST_PAGE as usize;
    if ids.is_empty() && external_ids.is_empty() || ids.len().max(external_ids.len()) > most {
        return Err(Error::bad_input(format!(
            "patient_ids has {} ids and external_ids {}: there must be one, and {most} of each at most",
            ids.len(),
            external_ids.len()
        ))
        .hint("to see all of them: GetAllPatients"));
    }
    for external_id in external_ids {
        text::query("external_ids", external_id)?;
    }
    let patients = find_many(scope, ids, external_ids).await?;
    let unknown_ids = ids
        .iter()
        .filter(|id| !patients.iter().any(|patient| patient.id == **id))
        .map(PatientId::to_string);
    let unknown_external_ids = external_ids.iter().filter(|id| {
        let known = |patient: &Patient| patient.external_id.as_ref() == Some(*id);
        !patients.iter().any(known)
    });
    let missing = unknown_ids.chain(unknown_external_ids.cloned()).collect();
    Ok((ManyPatients { patients, missing }, None))
}

/// One patient.
///
/// # Errors
/// `NotFound`.
pub async fn get(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetPatient,
) -> Result<Patient> {
    let function = Function::GetPatient;
    let mut scope = session.read(organization, function.permission()).await?;
    let found = require(&mut scope, parameters.patient_id).await;
    access_log::end(session, scope, function, found.map(|one| (one, None))).await
}

/// The id of the patient with that id in the practice's own system.
///
/// # Errors
/// `NotFound`.
pub async fn id_of(
    session: &Session,
    organization: OrganizationId,
    external_id: &str,
) -> Result<PatientId> {
    let function = Function::GetPatient;
    let mut scope = session.read(organization, function.permission()).await?;
    let external_id = text::query("external_id", external_id)?;
    let found = find_many(&mut scope, &[], &[external_id]).await;
    let done = found.and_then(|found| match found.first() {
        Some(patient) => Ok((patient.id, None)),
        None => Err(Error::not_found("no patient has that id or external_id")
            .hint(run!["patient", "list", "--search", "NAME"].labeled("find the patient by name"))),
    });
    access_log::end(session, scope, function, done).await
}

async fn find_many(
    scope: &mut Scope,
    ids: &[PatientId],
    external_ids: &[String],
) -> Result<Vec<Patient>> {
    let found = db::patients::find_many(&mut scope.tx, ids, external_ids).await?;
    scope.records.extend(found.iter().map(|patient| patient.id));
    Ok(found)
}

/// A patient after a change.
#[derive(Debug, Serialize)]
pub struct PatientChange {
    /// `false`: it was so already.
    pub changed: bool,
    /// The names of the fields that differ.
    pub changed_fields: Vec<&'static str>,
    pub patient: Patient,
    /// Who may be the same person, after an addition.
    pub possible_duplicates: Vec<Duplicate>,
}

/// Adds a patient, and points out who may be the same person. With `if_not_exists`, a patient who
/// has the external id already is answered as they are.
///
/// # Errors
/// `BadInput`; `Conflict` when another patient has the external id.
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    parameters: &CreatePatient,
    if_not_exists: bool,
) -> Result<PatientChange> {
    let function = Function::CreatePatient;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = create_in(session, &mut scope, parameters, if_not_exists).await;
    access_log::end(session, scope, function, done).await
}

async fn create_in(
    session: &Session,
    scope: &mut Scope,
    parameters: &CreatePatient,
    if_not_exists: bool,
) -> Result<Done<PatientChange>> {
    let patient = new_patient(session, &scope.organization, parameters)?;
    if let Some(known) = with_external_id(scope, &patient).await? {
        if !if_not_exists {
            return Err(db::patients::external_id_taken());
        }
        return Ok((unchanged(known), None));
    }
    let possible_duplicates = db::patients::duplicates(&mut scope.tx, &patient).await?;
    let duplicates = possible_duplicates.iter().map(|one| one.patient_id);
    scope.records.extend(duplicates);
    db::patients::insert(&mut scope.tx, &patient).await?;
    let changed_fields = patient.filled_fields();
    let after = json!({ "fields": changed_fields });
    let change = change("patient.create", patient.id, Some(after));
    let created = PatientChange {
        changed: true,
        changed_fields,
        patient,
        possible_duplicates,
    };
    Ok((created, Some(change)))
}

/// Another patient who has the external id already: whose it is has to be known, for the access log.
/// Changes of one organization take turns, so there is none later on either.
async fn with_external_id(scope: &mut Scope, patient: &Patient) -> Result<Option<Patient>> {
    let Some(external_id) = patient.external_id.clone() else {
        return Ok(None);
    };
    let known = db::patients::find_many(&mut scope.tx, &[], &[external_id]).await?;
    let other = known.into_iter().find(|known| known.id != patient.id);
    scope.records.extend(other.iter().map(|known| known.id));
    Ok(other)
}

fn new_patient(
    session: &Session,
    organization: &Organization,
    parameters: &CreatePatient,
) -> Result<Patient> {
    let now = session.now();
    let patient = Patient {
        id: new_id().into(),
        external_id: optional(parameters.external_id.as_deref(), text::external_id)?,
        first_name: text::name("first_name", &parameters.first_name)?,
        last_name: text::name("last_name", &parameters.last_name)?,
        birth_date: parameters.birth_date,
        phone: optional(parameters.phone.as_deref(), |text| {
            checks::phone(text, organization)
        })?,
        email: optional(parameters.email.as_deref(), checks::email)?,
        language: optional(parameters.language.as_deref(), str::parse::<Locale>)?,
        notes: optional(parameters.notes.as_deref(), |notes| {
            text::notes("notes", notes)
        })?,
        archived_at: None,
        created_at: now,
        updated_at: now,
    };
    check_birth_date(session, organization, patient.birth_date)?;
    Ok(patient)
}

fn check_birth_date(
    session: &Session,
    organization: &Organization,
    birth_date: Option<NaiveDate>,
) -> Result<()> {
    let zone = organization.time_zone.tz();
    let today = session.now().with_timezone(&zone).date_naive();
    match birth_date {
        Some(date) if date > today => Err(Error::bad_input("birth_date is in the future")
            .hint("write year, month and day: 1984-03-09")),
        _ => Ok(()),
    }
}

/// Changes a patient.
///
/// # Errors
/// `NotFound`, `BadInput`; `Conflict` when another patient has the external id.
pub async fn update(
    session: &Session,
    organization: OrganizationId,
    parameters: UpdatePatient,
) -> Result<PatientChange> {
    let function = Function::UpdatePatient;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = update_in(session, &mut scope, parameters).await;
    access_log::end(session, scope, function, done).await
}

async fn update_in(
    session: &Session,
    scope: &mut Scope,
    parameters: UpdatePatient,
) -> Result<Done<PatientChange>> {
    let before = require(scope, parameters.patient_id).await?;
    let mut after = updated(session, &scope.organization, &before, parameters)?;
    if before.archived_at.is_none() && after.archived_at.is_some() {
        scope.require(session, Function::DeletePatient.permission())?;
    }
    let changed_fields = before.changed_fields(&after);
    if changed_fields.is_empty() {
        return Ok((unchanged(before), None));
    }
    if before.external_id != after.external_id && with_external_id(scope, &after).await?.is_some() {
        return Err(db::patients::external_id_taken());
    }
    after.updated_at = session.now();
    db::patients::update(&mut scope.tx, &after).await?;
    let fields = json!({ "fields": changed_fields });
    let change = change("patient.update", after.id, Some(fields));
    let updated = PatientChange {
        changed: true,
        changed_fields,
        patient: after,
        possible_duplicates: Vec::new(),
    };
    Ok((updated, Some(change)))
}

fn updated(
    session: &Session,
    organization: &Organization,
    before: &Patient,
    parameters: UpdatePatient,
) -> Result<Patient> {
    let before = before.clone();
    let phone = |text: &str| checks::phone(text, organization);
    let first_name = parameters.first_name.as_deref();
    let last_name = parameters.last_name.as_deref();
    let after = Patient {
        external_id: patched(
            parse_patch(parameters.external_id, text::external_id)?,
            before.external_id,
        ),
        first_name: match first_name {
            Some(name) => text::name("first_name", name)?,
            None => before.first_name,
        },
        last_name: match last_name {
            Some(name) => text::name("last_name", name)?,
            None => before.last_name,
        },
        birth_date: patched(parameters.birth_date, before.birth_date),
        phone: patched(parse_patch(parameters.phone, phone)?, before.phone),
        email: patched(parse_patch(parameters.email, checks::email)?, before.email),
        language: patched(
            parse_patch(parameters.language, str::parse::<Locale>)?,
            before.language,
        ),
        notes: patched(
            parse_patch(parameters.notes, |notes| text::notes("notes", notes))?,
            before.notes,
        ),
        archived_at: checks::archived_at(before.archived_at, parameters.archived, session.now()),
        ..before
    };
    check_birth_date(session, organization, after.birth_date)?;
    Ok(after)
}

/// Erases a patient who has no appointments, or archives one.
///
/// # Errors
/// `NotFound`; `Conflict` with the number of appointments.
pub async fn delete(
    session: &Session,
    organization: OrganizationId,
    parameters: &DeletePatient,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let function = Function::DeletePatient;
    let mut scope = session.write(organization, function.permission()).await?;
    let done = delete_in(session, &mut scope, parameters).await;
    access_log::end(session, scope, function, done).await
}

async fn delete_in(
    session: &Session,
    scope: &mut Scope,
    parameters: &DeletePatient,
) -> Result<Done<Removal>> {
    let patient = require(scope, parameters.patient_id).await?;
    let id = patient.id;
    if parameters.archive {
        if patient.archived_at.is_some() {
            return Ok((Removal::unchanged(id), None));
        }
        let archived = Patient {
            archived_at: Some(session.now()),
            updated_at: session.now(),
            ..patient
        };
        db::patients::update(&mut scope.tx, &archived).await?;
        let change = change("patient.archive", id, None);
        return Ok((Removal::archived(id), Some(change)));
    }
    let count = db::appointments::count(&mut scope.tx, Parent::Patient(id)).await?;
    if count > 0 {
        return Err(checks::has_appointments(&format!("patient {id}"), count));
    }
    db::patients::delete(&mut scope.tx, id).await?;
    Ok((
        Removal::deleted(id),
        Some(change("patient.delete", id, None)),
    ))
}

pub(super) async fn require(scope: &mut Scope, id: PatientId) -> Result<Patient> {
    let found = db::patients::find(&mut scope.tx, id).await?;
    let patient = found.ok_or_else(|| missing::patient(id))?;
    scope.records.push(id);
    Ok(patient)
}

fn unchanged(patient: Patient) -> PatientChange {
    PatientChange {
        changed: false,
        changed_fields: Vec::new(),
        patient,
        possible_duplicates: Vec::new(),
    }
}

fn change(action: &'static str, id: PatientId, after: Option<serde_json::Value>) -> Change {
    Change {
        action,
        object_type: "patient",
        object_id: id.to_string(),
        before: None,
        after,
    }
}

/// A patient who can be booked.
///
/// # Errors
/// `NotFound`; `Conflict` where they are archived.
pub(super) async fn require_active(scope: &mut Scope, id: PatientId) -> Result<()> {
    let patient = require(scope, id).await?;
    if patient.archived_at.is_none() {
        return Ok(());
    }
    Err(Error::conflict(format!("patient {id} is archived"))
        .hint(run!["patient", "update", id, "--restore"].labeled("bring them back")))
}
