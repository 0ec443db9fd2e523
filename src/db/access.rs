//! The log of who read which patients' records.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::TenantTx;
use crate::{
    domain::{PatientId, booking::Function},
    error::Result,
};

/// A reading of a patient's record.
#[derive(Clone, Debug)]
pub struct Access {
    pub id: Uuid,
    pub occurred_at: DateTime<Utc>,
    pub actor: String,
    /// The name of the function that showed it.
    pub function: String,
    pub patient_id: PatientId,
    pub request_id: Uuid,
}

/// Adds rows. Inserts only, so that readers do not wait for each other.
///
/// # Errors
/// `Unavailable` when the connection is lost.
pub async fn append(tx: &mut TenantTx, readings: &[Access]) -> Result<()> {
    let Some(first) = readings.first() else {
        return Ok(());
    };
    let ids: Vec<Uuid> = readings.iter().map(|one| one.id).collect();
    let patients: Vec<Uuid> = readings
        .iter()
        .map(|one| one.patient_id.as_uuid())
        .collect();
    sqlx::query!(
        "INSERT INTO access_log
                (organization_id, id, occurred_at, actor, function, patient_id, request_id)
         SELECT $1, r.id, $3, $4, $5, r.patient_id, $7
           FROM unnest($2::uuid[], $6::uuid[]) r (id, patient_id)",
        tx.organization_id().as_uuid(),
        &ids,
        first.occurred_at,
        first.actor,
        first.function,
        &patients,
        first.request_id,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Which readings to list.
#[derive(Clone, Debug, Default)]
pub struct AccessFilter {
    /// Those of this patient's record.
    pub patient: Option<PatientId>,
    /// Part of the reader's name, in any case.
    pub actor: Option<String>,
    pub function: Option<Function>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// Older than this row.
    pub before: Option<Uuid>,
    pub limit: i64,
}

/// A page of the readings, newest first.
///
/// # Errors
/// `Unavailable` when the connection is lost.
pub async fn page(tx: &mut TenantTx, filter: &AccessFilter) -> Result<Vec<Access>> {
    let rows = sqlx::query!(
        "SELECT id, occurred_at, actor, function, patient_id, request_id
           FROM access_log
          WHERE organization_id = $1
            AND ($2::uuid IS NULL OR patient_id = $2)
            AND ($3::text IS NULL OR actor ILIKE $3)
            AND ($4::text IS NULL OR function = $4)
            AND ($5::timestamptz IS NULL OR occurred_at >= $5)
            AND ($6::timestamptz IS NULL OR occurred_at < $6)
            AND ($7::uuid IS NULL OR id < $7)
          ORDER BY id DESC LIMIT $8",
        tx.organization_id().as_uuid(),
        filter.patient.map(PatientId::as_uuid),
        filter
            .actor
            .as_deref()
            .map(super::organizations::contains_pattern),
        filter.function.map(Function::as_str),
        filter.since,
        filter.until,
        filter.before,
        filter.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Access {
            id: row.id,
            occurred_at: row.occurred_at,
            actor: row.actor,
            function: row.function,
            patient_id: row.patient_id.into(),
            request_id: row.request_id,
        })
        .collect())
}
