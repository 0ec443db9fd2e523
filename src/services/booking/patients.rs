//! Patients: a resource of which every reading is logged. The activity log keeps the names of the fields that a change
//! concerns, not their values, so that a patient can be erased without breaking its chain.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    access_log::{self, Done},
    resources::{Changed, Stored, changed_fields, filled_fields},
};
use crate::{
    db::{self, Table, TenantTx, appointments::Parent, patients::PatientFilter},
    domain::{
        OrganizationId, PatientId,
        booking::{
            Duplicate, Function, PageMark, Patient,
            fields::read,
            name_search,
            parameters::{GetMultiplePatients, LONGEST_PAGE, PatientSearch},
            text,
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session},
};

impl Stored for Patient {
    async fn page(scope: &mut Scope, list: &PatientSearch, limit: i64) -> Result<Vec<Self>> {
        let organization = &scope.organization;
        let phone = list.phone.as_deref();
        let email = list.email.as_deref();
        let filter = PatientFilter {
            name_parts: name_parts(list.search.as_deref())?,
            phone: phone
                .map(|text| read::phone("phone", text, organization))
                .transpose()?,
            email: email.map(|text| read::email("email", text)).transpose()?,
            birth_date: list.birth_date,
            include_archived: list.include_archived,
            after: list.after.clone(),
            limit,
        };
        db::patients::page(&mut scope.tx, &filter).await
    }

    fn mark(&self) -> PageMark {
        let key = name_search::sort_name(&self.first_name, &self.last_name);
        PageMark::new(key, self.id)
    }

    async fn with_external_id(tx: &mut TenantTx, external_id: &str) -> Result<Option<Self>> {
        let found = db::patients::find_many(tx, &[], &[external_id.to_owned()]).await?;
        Ok(found.into_iter().next())
    }

    async fn count_appointments(tx: &mut TenantTx, id: PatientId) -> Result<i64> {
        db::appointments::count(tx, Parent::Patient(id)).await
    }

    fn note(&self, scope: &mut Scope) {
        scope.records.push(self.id);
    }

    async fn duplicates(&self, scope: &mut Scope) -> Result<Vec<Duplicate>> {
        let found = db::patients::duplicates(&mut scope.tx, self).await?;
        scope.records.extend(found.iter().map(|one| one.patient_id));
        Ok(found)
    }

    async fn add(&self, tx: &mut TenantTx) -> Result<()> {
        self.insert(tx).await?;
        db::patients::insert_name_parts(tx, self).await
    }

    async fn replace(&self, tx: &mut TenantTx) -> Result<bool> {
        let is_replaced = self.update(tx).await?;
        if is_replaced {
            db::patients::delete_name_parts(tx, self.id).await?;
            db::patients::insert_name_parts(tx, self).await?;
        }
        Ok(is_replaced)
    }

    fn logged(before: Option<&Self>, after: Option<&Self>) -> (Option<Value>, Option<Value>) {
        let fields = match (before, after) {
            (Some(before), Some(after)) => changed_fields(before, after),
            (None, Some(after)) => filled_fields(after),
            (_, None) => return (None, None),
        };
        (None, Some(json!({ "fields": fields })))
    }

    fn answer(changed: &Changed<Self>) -> Value {
        json!({
            "changed": changed.changed,
            "changed_fields": changed.fields,
            "patient": changed.row,
            "possible_duplicates": changed.duplicates,
        })
    }
}

fn name_parts(search: Option<&str>) -> Result<Vec<String>> {
    let Some(search) = search else {
        return Ok(Vec::new());
    };
    let parts = name_search::parts([text::query("search", search)?.as_str()]);
    if parts.is_empty() {
        return Err(Error::bad_input("search: no letter")
            .hint("give the start of one or more parts of the name: \"mar mull\""));
    }
    Ok(parts)
}

/// Patients by their ids.
#[derive(Debug, Serialize)]
pub struct ManyPatients {
    pub patients: Vec<Patient>,
    /// The ids that no patient has.
    pub missing: Vec<String>,
}

/// Returns the patients with these ids, in the order of their names.
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

/// Finds the patient with an id in the practice's own system.
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
