//! Patients, and the name parts that a search finds.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{TenantTx, is_unique_violation, stored};
use crate::{
    domain::{
        Email, Locale, PatientId, PhoneNumber,
        booking::{Duplicate, PageMark, Patient, name_search},
    },
    error::{Error, Result},
};

struct PatientRow {
    id: Uuid,
    external_id: Option<String>,
    first_name: String,
    last_name: String,
    birth_date: Option<NaiveDate>,
    phone: Option<String>,
    email: Option<String>,
    language: Option<String>,
    notes: Option<String>,
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<PatientRow> for Patient {
    type Error = Error;

    fn try_from(row: PatientRow) -> Result<Self> {
        let phone = row.phone.as_deref().map(PhoneNumber::from_stored);
        let email = row.email.as_deref().map(str::parse::<Email>);
        let language = row.language.as_deref().map(str::parse::<Locale>);
        Ok(Self {
            id: row.id.into(),
            external_id: row.external_id,
            first_name: row.first_name,
            last_name: row.last_name,
            birth_date: row.birth_date,
            phone: stored("patients.phone", phone.transpose())?,
            email: stored("patients.email", email.transpose())?,
            language: stored("patients.language", language.transpose())?,
            notes: row.notes,
            archived_at: row.archived_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Finds a patient.
pub async fn find(tx: &mut TenantTx, id: PatientId) -> Result<Option<Patient>> {
    sqlx::query_as!(
        PatientRow,
        "SELECT id, external_id, first_name, last_name, birth_date, phone, email, language, notes,
                archived_at, created_at, updated_at
           FROM patients WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Patient::try_from)
    .transpose()
}

/// Finds patients by id, or by the id in the practice's own system, ordered by name.
pub async fn find_many(
    tx: &mut TenantTx,
    ids: &[PatientId],
    external_ids: &[String],
) -> Result<Vec<Patient>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query_as!(
        PatientRow,
        "SELECT id, external_id, first_name, last_name, birth_date, phone, email, language, notes,
                archived_at, created_at, updated_at
           FROM patients
          WHERE organization_id = $1 AND (id = ANY($2) OR external_id = ANY($3))
          ORDER BY sort_name, id",
        tx.organization_id().as_uuid(),
        &ids,
        external_ids,
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(Patient::try_from)
    .collect()
}

/// Filter for [`page`].
#[derive(Clone, Debug, Default)]
pub struct PatientFilter {
    /// Folded prefixes of parts of the name; all have to match. See [`name_search`].
    pub name_parts: Vec<String>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<Email>,
    pub birth_date: Option<NaiveDate>,
    pub include_archived: bool,
    /// Only patients after this position in the order of names.
    pub after: Option<PageMark>,
    pub limit: i64,
}

/// Returns a page of the matching patients, ordered by name.
pub async fn page(tx: &mut TenantTx, filter: &PatientFilter) -> Result<Vec<Patient>> {
    tx.plan_for_values().await?;
    let page = match longest(&filter.name_parts) {
        Some(longest) => search(tx, filter, longest).await?,
        None => all(tx, filter).await?,
    };
    tx.plan_as_usual().await?;
    Ok(page)
}

/// Returns the longest prefix, which usually matches the fewest names.
fn longest(parts: &[String]) -> Option<&str> {
    let longest = parts.iter().max_by_key(|part| part.chars().count())?;
    Some(longest)
}

async fn all(tx: &mut TenantTx, filter: &PatientFilter) -> Result<Vec<Patient>> {
    sqlx::query_as!(
        PatientRow,
        "SELECT id, external_id, first_name, last_name, birth_date, phone, email, language, notes,
                archived_at, created_at, updated_at
           FROM patients
          WHERE organization_id = $1
            AND ($2::text IS NULL OR phone = $2)
            AND ($3::text IS NULL OR email = $3)
            AND ($4::date IS NULL OR birth_date = $4)
            AND ($5 OR archived_at IS NULL)
            AND ($6::uuid IS NULL OR (sort_name, id) > ($8::text, $6))
          ORDER BY sort_name, id LIMIT $7",
        tx.organization_id().as_uuid(),
        filter.phone.as_ref().map(PhoneNumber::as_str),
        filter.email.as_ref().map(Email::as_str),
        filter.birth_date,
        filter.include_archived,
        filter.after.as_ref().map(|mark| mark.id),
        filter.limit,
        filter.after.as_ref().map(|mark| mark.key.as_str()),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(Patient::try_from)
    .collect()
}

/// Scans the index range of the longest prefix, checks the other prefixes for each patient in it,
/// and looks up the remaining patients by key: OFFSET prevents the planner from reading the whole
/// table instead, including other organizations' rows. Text comparisons are leakproof and can use
/// the index under row-level security; LIKE is not (PostgreSQL manual, 41.5).
async fn search(tx: &mut TenantTx, filter: &PatientFilter, longest: &str) -> Result<Vec<Patient>> {
    let others: Vec<String> = filter
        .name_parts
        .iter()
        .filter(|part| part.as_str() != longest)
        .cloned()
        .collect();
    let ends: Vec<String> = others
        .iter()
        .map(|part| name_search::after_prefix(part))
        .collect();
    sqlx::query_as!(
        PatientRow,
        "WITH found AS MATERIALIZED (
             SELECT DISTINCT n.patient_id
               FROM patient_name_parts n
              WHERE n.organization_id = $1 AND n.part >= $8 AND n.part < $9
                AND NOT EXISTS (
                    SELECT FROM unnest($10::text[], $11::text[]) wanted (first, beyond)
                     WHERE NOT EXISTS (
                           SELECT FROM patient_name_parts o
                            WHERE o.organization_id = $1 AND o.patient_id = n.patient_id
                              AND o.part >= wanted.first AND o.part < wanted.beyond))
         )
         SELECT p.id, p.external_id, p.first_name, p.last_name, p.birth_date, p.phone, p.email,
                p.language, p.notes, p.archived_at, p.created_at, p.updated_at
           FROM found
          CROSS JOIN LATERAL (
                SELECT * FROM patients WHERE organization_id = $1 AND id = found.patient_id OFFSET 0) p
          WHERE ($2::text IS NULL OR p.phone = $2)
            AND ($3::text IS NULL OR p.email = $3)
            AND ($4::date IS NULL OR p.birth_date = $4)
            AND ($5 OR p.archived_at IS NULL)
            AND ($6::uuid IS NULL OR (p.sort_name, p.id) > ($12::text, $6))
          ORDER BY p.sort_name, p.id LIMIT $7",
        tx.organization_id().as_uuid(),
        filter.phone.as_ref().map(PhoneNumber::as_str),
        filter.email.as_ref().map(Email::as_str),
        filter.birth_date,
        filter.include_archived,
        filter.after.as_ref().map(|mark| mark.id),
        filter.limit,
        longest,
        name_search::after_prefix(longest),
        &others,
        &ends,
        filter.after.as_ref().map(|mark| mark.key.as_str()),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(Patient::try_from)
    .collect()
}

/// Returns up to ten patients who may be the same person: the same phone number or email address,
/// or the same date of birth and last name.
pub async fn duplicates(tx: &mut TenantTx, patient: &Patient) -> Result<Vec<Duplicate>> {
    let rows = sqlx::query!(
        r#"SELECT id, coalesce(phone = $3, false) AS "phone!", coalesce(email = $4, false) AS "email!",
                  coalesce(birth_date = $5 AND starts_with(sort_name, $6), false) AS "birth_date!"
             FROM patients
            WHERE organization_id = $1 AND id <> $2
              AND (phone = $3 OR email = $4
                   OR (birth_date = $5 AND sort_name >= $6 AND sort_name < $7))
            ORDER BY id LIMIT 10"#,
        tx.organization_id().as_uuid(),
        patient.id.as_uuid(),
        patient.phone.as_ref().map(PhoneNumber::as_str),
        patient.email.as_ref().map(Email::as_str),
        patient.birth_date,
        last_name_prefix(patient),
        name_search::after_prefix(&last_name_prefix(patient)),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let same = [
                ("phone", row.phone),
                ("email", row.email),
                ("birth_date and last_name", row.birth_date),
            ];
            Duplicate {
                patient_id: row.id.into(),
                same: same
                    .into_iter()
                    .filter(|(_, is)| *is)
                    .map(|(what, _)| what.to_owned())
                    .collect(),
            }
        })
        .collect())
}

/// Returns the prefix of the sort names of all people with this last name.
fn last_name_prefix(patient: &Patient) -> String {
    name_search::sort_name("", &patient.last_name)
}

/// Adds a patient.
///
/// # Errors
/// `Conflict` if another patient has the external id.
pub async fn insert(tx: &mut TenantTx, patient: &Patient) -> Result<()> {
    let inserted = sqlx::query!(
        "INSERT INTO patients (organization_id, id, external_id, first_name, last_name, sort_name,
                               birth_date, phone, email, language, notes, archived_at, created_at,
                               updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tx.organization_id().as_uuid(),
        patient.id.as_uuid(),
        patient.external_id,
        patient.first_name,
        patient.last_name,
        name_search::sort_name(&patient.first_name, &patient.last_name),
        patient.birth_date,
        patient.phone.as_ref().map(PhoneNumber::as_str),
        patient.email.as_ref().map(Email::as_str),
        patient.language.as_ref().map(Locale::as_str),
        patient.notes,
        patient.archived_at,
        patient.created_at,
        patient.updated_at,
    )
    .execute(tx.connection())
    .await;
    inserted.map_err(not_stored)?;
    insert_name_parts(tx, patient).await
}

/// Replaces a patient's fields. Returns `false` if the patient does not exist.
///
/// # Errors
/// `Conflict` if another patient has the external id.
pub async fn update(tx: &mut TenantTx, patient: &Patient) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE patients
            SET external_id = $3, first_name = $4, last_name = $5, sort_name = $6, birth_date = $7,
                phone = $8, email = $9, language = $10, notes = $11, archived_at = $12,
                updated_at = $13
          WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        patient.id.as_uuid(),
        patient.external_id,
        patient.first_name,
        patient.last_name,
        name_search::sort_name(&patient.first_name, &patient.last_name),
        patient.birth_date,
        patient.phone.as_ref().map(PhoneNumber::as_str),
        patient.email.as_ref().map(Email::as_str),
        patient.language.as_ref().map(Locale::as_str),
        patient.notes,
        patient.archived_at,
        patient.updated_at,
    )
    .execute(tx.connection())
    .await
    .map_err(not_stored)?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "DELETE FROM patient_name_parts WHERE organization_id = $1 AND patient_id = $2",
        tx.organization_id().as_uuid(),
        patient.id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    insert_name_parts(tx, patient).await?;
    Ok(true)
}

/// Deletes a patient and the parts of the name. Returns `false` if the patient does not exist.
///
/// # Errors
/// `Failure` if appointments refer to the patient: count these first.
pub async fn delete(tx: &mut TenantTx, id: PatientId) -> Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM patients WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}

async fn insert_name_parts(tx: &mut TenantTx, patient: &Patient) -> Result<()> {
    let parts = name_search::parts([patient.first_name.as_str(), patient.last_name.as_str()]);
    sqlx::query!(
        "INSERT INTO patient_name_parts (organization_id, part, patient_id)
         SELECT $1, part, $2 FROM unnest($3::text[]) part",
        tx.organization_id().as_uuid(),
        patient.id.as_uuid(),
        &parts,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

fn not_stored(error: sqlx::Error) -> Error {
    if is_unique_violation(&error, "patients_organization_id_external_id_key") {
        return external_id_taken();
    }
    error.into()
}

/// Returns the error for an external id that is in use by another patient.
pub fn external_id_taken() -> Error {
    Error::conflict("another patient has this external_id")
        .hint("external_id is the patient's id in the practice's own system and must be unique")
}
