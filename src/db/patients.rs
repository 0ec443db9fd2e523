//! Patients, and the name parts that a search finds.

use chrono::NaiveDate;
use uuid::Uuid;

use super::{
    TenantTx,
    resources::not_stored,
    table::{columns, table},
};
use crate::{
    domain::{
        Email, PatientId, PhoneNumber,
        booking::{Duplicate, PageMark, Patient, name_search},
    },
    error::{Error, Result},
};

table! {
    ($) select "patients": Patient, PatientId; |patient|
    "external_id" "$3" patient.external_id;
    "first_name" "$4" patient.first_name;
    "last_name" "$5" patient.last_name;
    "birth_date" "$6" patient.birth_date;
    "phone" "$7" patient.phone;
    "email" "$8" patient.email;
    "language" "$9" patient.language;
    "notes" "$10" patient.notes;
    "archived_at" "$11" patient.archived_at;
    created "created_at" "$14" patient.created_at;
    "updated_at" "$12" patient.updated_at;
    computed
    "sort_name" "$13" name_search::sort_name(&patient.first_name, &patient.last_name);
    on update;
    on error Error: |error| not_stored(error, "patients", "patient");
}

/// Finds patients by id, or by the id in the practice's own system, ordered by name.
pub async fn find_many(
    tx: &mut TenantTx,
    ids: &[PatientId],
    external_ids: &[String],
) -> Result<Vec<Patient>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    select!(
        "FROM patients
          WHERE organization_id = $1 AND (id = ANY($2) OR external_id = ANY($3))
          ORDER BY sort_name, id",
        tx.organization_id().as_uuid(),
        &ids,
        external_ids,
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::from)
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
    select!(
        "FROM patients
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
    .await
    .map_err(Error::from)
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
    select!(
        "FROM (
         WITH found AS MATERIALIZED (
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
         SELECT p.* FROM found
          CROSS JOIN LATERAL (
                SELECT * FROM patients WHERE organization_id = $1 AND id = found.patient_id OFFSET 0) p
         ) p
          WHERE ($2::text IS NULL OR phone = $2)
            AND ($3::text IS NULL OR email = $3)
            AND ($4::date IS NULL OR birth_date = $4)
            AND ($5 OR archived_at IS NULL)
            AND ($6::uuid IS NULL OR (sort_name, id) > ($12::text, $6))
          ORDER BY sort_name, id LIMIT $7",
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
    .await
    .map_err(Error::from)
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

/// Deletes the parts of a patient's name.
pub async fn delete_name_parts(tx: &mut TenantTx, id: PatientId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM patient_name_parts WHERE organization_id = $1 AND patient_id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Adds the parts of a patient's name, which a search finds.
pub async fn insert_name_parts(tx: &mut TenantTx, patient: &Patient) -> Result<()> {
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
