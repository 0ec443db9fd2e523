//! Appointments.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    TenantTx, is_unique_violation,
    resources::external_id_taken,
    table::{columns, table},
};
use crate::{
    domain::{
        AppointmentId, OperatoryId, PatientId, ProviderId,
        booking::{
            Appointment, AppointmentEntry, AppointmentStatus, appointment::LONGEST,
            conflicts::Booking,
        },
    },
    error::{Error, Result},
};

table! {
    ($) select "appointments": Appointment, AppointmentId; |appointment|
    "external_id" "$3" appointment.external_id;
    "patient_id" "$4" appointment.patient_id;
    "provider_id" "$5" appointment.provider_id;
    "operatory_id" "$6" appointment.operatory_id;
    "starts_at" "$7" appointment.starts_at;
    "ends_at" "$8" appointment.ends_at;
    "status" "$9" appointment.status;
    "service" "$10" appointment.service;
    "notes" "$11" appointment.notes;
    "broken_reason" "$12" appointment.broken_reason;
    created "created_at" "$14" appointment.created_at;
    "updated_at" "$13" appointment.updated_at;
    computed
    on update;
    on error NotStored: not_stored;
}

/// Filter for [`list`].
#[derive(Clone, Debug, Default)]
pub struct AppointmentFilter {
    /// Only these ids; if empty, all.
    pub ids: Vec<AppointmentId>,
    /// Only appointments that end after this time.
    pub from: Option<DateTime<Utc>>,
    /// Only appointments that start before this time.
    pub until: Option<DateTime<Utc>>,
    pub patient: Option<PatientId>,
    pub provider: Option<ProviderId>,
    pub operatory: Option<OperatoryId>,
    /// Only these statuses; if empty, all.
    pub statuses: Vec<AppointmentStatus>,
    /// Only appointments after this position in the order of time.
    pub after: Option<(DateTime<Utc>, AppointmentId)>,
    pub limit: Option<i64>,
}

/// Returns the matching appointments by time, with the names that belong to them. An appointment in
/// progress at `from` started at most a day earlier, which makes this a range scan of the index.
pub async fn list(tx: &mut TenantTx, filter: &AppointmentFilter) -> Result<Vec<AppointmentEntry>> {
    tx.plan_for_values().await?;
    let ids: Vec<Uuid> = filter.ids.iter().map(|id| id.as_uuid()).collect();
    let statuses: Vec<String> = filter
        .statuses
        .iter()
        .map(|status| status.as_str().to_owned())
        .collect();
    let rows = sqlx::query!(
        r#"SELECT a.id, a.external_id, a.patient_id, a.provider_id, a.operatory_id, a.starts_at,
                  a.ends_at, a.status AS "status: AppointmentStatus", a.service, a.notes, a.broken_reason, a.created_at,
                  a.updated_at, p.first_name || ' ' || p.last_name AS "patient_name!",
                  v.name AS provider_name, o.name AS "operatory_name?"
             FROM appointments a
             JOIN patients p ON p.organization_id = a.organization_id AND p.id = a.patient_id
             JOIN providers v ON v.organization_id = a.organization_id AND v.id = a.provider_id
             LEFT JOIN operatories o
               ON o.organization_id = a.organization_id AND o.id = a.operatory_id
            WHERE a.organization_id = $1
              AND ($2::timestamptz IS NULL OR (a.starts_at > $3 AND a.ends_at > $2))
              AND ($4::timestamptz IS NULL OR a.starts_at < $4)
              AND ($5::uuid IS NULL OR a.patient_id = $5)
              AND ($6::uuid IS NULL OR a.provider_id = $6)
              AND ($7::uuid IS NULL OR a.operatory_id = $7)
              AND (cardinality($8::text[]) = 0 OR a.status = ANY($8))
              AND ($9::uuid IS NULL OR (a.starts_at, a.id) > ($12::timestamptz, $9))
              AND (cardinality($11::uuid[]) = 0 OR a.id = ANY($11))
            ORDER BY a.starts_at, a.id LIMIT $10"#,
        tx.organization_id().as_uuid(),
        filter.from,
        filter.from.map(|from| from - LONGEST),
        filter.until,
        filter.patient.map(PatientId::as_uuid),
        filter.provider.map(ProviderId::as_uuid),
        filter.operatory.map(OperatoryId::as_uuid),
        &statuses,
        filter.after.map(|(_, id)| id.as_uuid()),
        filter.limit,
        &ids,
        filter.after.map(|(starts_at, _)| starts_at),
    )
    .fetch_all(tx.connection())
    .await?;
    tx.plan_as_usual().await?;
    Ok(rows
        .into_iter()
        .map(|row| AppointmentEntry {
            appointment: Appointment {
                id: row.id.into(),
                external_id: row.external_id,
                patient_id: row.patient_id.into(),
                provider_id: row.provider_id.into(),
                operatory_id: row.operatory_id.map(OperatoryId::from),
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                status: row.status,
                service: row.service,
                notes: row.notes,
                broken_reason: row.broken_reason,
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
            patient_name: row.patient_name,
            provider_name: row.provider_name,
            operatory_name: row.operatory_name,
        })
        .collect())
}

/// The resources and time of an appointment, as the search for free slots needs them.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    pub provider_id: ProviderId,
    pub operatory_id: Option<OperatoryId>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// Returns the times at which providers and operatories are booked within a period. If a provider,
/// an operatory or both are specified, only theirs.
pub async fn busy(
    tx: &mut TenantTx,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    provider: Option<ProviderId>,
    operatory: Option<OperatoryId>,
    except: Option<AppointmentId>,
) -> Result<Vec<Busy>> {
    let rows = sqlx::query!(
        "SELECT provider_id, operatory_id, starts_at, ends_at
           FROM appointments
          WHERE organization_id = $1 AND starts_at > $2 AND starts_at < $3 AND ends_at > $4
            AND status IN ('scheduled', 'confirmed', 'completed')
            AND (($5::uuid IS NULL AND $6::uuid IS NULL) OR provider_id = $5 OR operatory_id = $6)
            AND ($7::uuid IS NULL OR id <> $7)",
        tx.organization_id().as_uuid(),
        from - LONGEST,
        until,
        from,
        provider.map(ProviderId::as_uuid),
        operatory.map(OperatoryId::as_uuid),
        except.map(AppointmentId::as_uuid),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Busy {
            provider_id: row.provider_id.into(),
            operatory_id: row.operatory_id.map(OperatoryId::from),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        })
        .collect())
}

/// Returns the open appointments within a period; if a provider or an operatory is specified, only
/// theirs.
pub async fn open(
    tx: &mut TenantTx,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    provider: Option<ProviderId>,
    operatory: Option<OperatoryId>,
) -> Result<Vec<Booking>> {
    let rows = sqlx::query!(
        "SELECT id, provider_id, operatory_id, starts_at, ends_at
           FROM appointments
          WHERE organization_id = $1 AND starts_at > $2 AND starts_at < $3 AND ends_at > $4
            AND status IN ('scheduled', 'confirmed')
            AND ($5::uuid IS NULL OR provider_id = $5)
            AND ($6::uuid IS NULL OR operatory_id = $6)
          ORDER BY starts_at, id",
        tx.organization_id().as_uuid(),
        from - LONGEST,
        until,
        from,
        provider.map(ProviderId::as_uuid),
        operatory.map(OperatoryId::as_uuid),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Booking {
            id: row.id.into(),
            provider_id: row.provider_id.into(),
            operatory_id: row.operatory_id.map(OperatoryId::from),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        })
        .collect())
}

/// The parent of appointments.
#[derive(Clone, Copy, Debug)]
pub enum Parent {
    Patient(PatientId),
    Provider(ProviderId),
    Operatory(OperatoryId),
}

/// Counts the appointments of a parent.
pub async fn count(tx: &mut TenantTx, parent: Parent) -> Result<i64> {
    let organization = tx.organization_id().as_uuid();
    let count = match parent {
        Parent::Patient(id) => {
            sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM appointments
                    WHERE organization_id = $1 AND patient_id = $2"#,
                organization,
                id.as_uuid(),
            )
            .fetch_one(tx.connection())
            .await?
        }
        Parent::Provider(id) => {
            sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM appointments
                    WHERE organization_id = $1 AND provider_id = $2"#,
                organization,
                id.as_uuid(),
            )
            .fetch_one(tx.connection())
            .await?
        }
        Parent::Operatory(id) => {
            sqlx::query_scalar!(
                r#"SELECT count(*) AS "count!" FROM appointments
                    WHERE organization_id = $1 AND operatory_id = $2"#,
                organization,
                id.as_uuid(),
            )
            .fetch_one(tx.connection())
            .await?
        }
    };
    Ok(count)
}

/// The reason why an appointment could not be stored.
#[derive(Debug)]
pub enum NotStored {
    /// The provider has another appointment at that time.
    ProviderTaken,
    /// The operatory has another appointment at that time.
    OperatoryTaken,
    Other(Error),
}

fn not_stored(error: sqlx::Error) -> NotStored {
    let constraint = error
        .as_database_error()
        .and_then(|database| database.constraint());
    match constraint {
        Some("appointments_provider_free") => NotStored::ProviderTaken,
        Some("appointments_operatory_free") => NotStored::OperatoryTaken,
        _ if is_unique_violation(&error, "appointments_organization_id_external_id_key") => {
            NotStored::Other(external_id_taken("appointment"))
        }
        _ => NotStored::Other(error.into()),
    }
}

/// Returns the patient of the appointment with that external id.
pub async fn patient_of_external_id(
    tx: &mut TenantTx,
    external_id: &str,
) -> Result<Option<PatientId>> {
    let found = sqlx::query_scalar!(
        "SELECT patient_id FROM appointments WHERE organization_id = $1 AND external_id = $2",
        tx.organization_id().as_uuid(),
        external_id,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found.map(PatientId::from))
}

/// Returns the patients of these appointments, without duplicates.
pub async fn patients_of(tx: &mut TenantTx, ids: &[AppointmentId]) -> Result<Vec<PatientId>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let found = sqlx::query_scalar!(
        "SELECT DISTINCT patient_id FROM appointments WHERE organization_id = $1 AND id = ANY($2)",
        tx.organization_id().as_uuid(),
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(PatientId::from).collect())
}
