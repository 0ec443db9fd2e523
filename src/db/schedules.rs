//! Schedules: working hours, holidays and blockouts.

use chrono::NaiveDate;

use super::TenantTx;
use crate::{
    domain::{
        OperatoryId, ProviderId, ScheduleId,
        booking::{Schedule, ScheduleKind},
    },
    error::{Error, Result},
};

/// The `query_as!` of a schedule; two columns have other names than its fields.
macro_rules! select {
    ($tail:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Schedule,
            "SELECT id AS \"id: _\", kind AS \"kind: _\", provider_id AS \"provider_id: _\",
                    operatory_id AS \"operatory_id: _\", weekday AS \"weekday: _\", valid_from, valid_until,
                    start_minute AS \"start_time: _\", end_minute AS \"end_time: _\", note, created_at,
                    updated_at " + $tail,
            $($argument),*
        )
    };
}

/// Finds a schedule.
pub async fn find(tx: &mut TenantTx, id: ScheduleId) -> Result<Option<Schedule>> {
    select!(
        "FROM schedules WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Filter for [`list`].
#[derive(Clone, Debug, Default)]
pub struct ScheduleFilter {
    pub kind: Option<ScheduleKind>,
    pub provider: Option<ProviderId>,
    pub operatory: Option<OperatoryId>,
    /// Only schedules without a provider and an operatory.
    pub organization_only: bool,
    /// Only schedules that apply on this date.
    pub date: Option<NaiveDate>,
    /// Only schedules after this one in the order of ids, which is the order of creation.
    pub after: Option<ScheduleId>,
    pub limit: Option<i64>,
}

/// Returns the matching schedules, oldest first.
pub async fn list(tx: &mut TenantTx, filter: &ScheduleFilter) -> Result<Vec<Schedule>> {
    select!(
        "FROM schedules
          WHERE organization_id = $1
            AND ($2::text IS NULL OR kind = $2)
            AND ($3::uuid IS NULL OR provider_id = $3)
            AND ($4::uuid IS NULL OR operatory_id = $4)
            AND (NOT $5 OR (provider_id IS NULL AND operatory_id IS NULL))
            AND ($6::date IS NULL
                 OR ((valid_from IS NULL OR valid_from <= $6)
                     AND (valid_until IS NULL OR valid_until >= $6)
                     AND (weekday IS NULL OR weekday = extract(isodow FROM $6))))
            AND ($7::uuid IS NULL OR id > $7)
          ORDER BY id LIMIT $8",
        tx.organization_id().as_uuid(),
        filter.kind.map(ScheduleKind::as_str),
        filter.provider.map(ProviderId::as_uuid),
        filter.operatory.map(OperatoryId::as_uuid),
        filter.organization_only,
        filter.date,
        filter.after.map(ScheduleId::as_uuid),
        filter.limit,
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::from)
}

/// Returns the schedules that apply to a range of dates: the organization's own, and those of the
/// specified provider and operatory, or of all if none is specified; without expired ones.
///
/// The comparisons are written so that no plan uses an index for them: the range of the
/// organization is short, and one plan for all values saves planning at each booking.
pub async fn in_force(
    tx: &mut TenantTx,
    from: NaiveDate,
    until: NaiveDate,
    provider: Option<ProviderId>,
    operatory: Option<OperatoryId>,
) -> Result<Vec<Schedule>> {
    select!(
        "FROM schedules
          WHERE organization_id = $1
            AND (valid_from IS NULL OR valid_from <= $3)
            AND (valid_until IS NULL OR valid_until >= $2)
            AND (provider_id IS NULL OR $4::uuid IS NULL OR provider_id IS NOT DISTINCT FROM $4)
            AND (operatory_id IS NULL OR $5::uuid IS NULL OR operatory_id IS NOT DISTINCT FROM $5)
          ORDER BY id",
        tx.organization_id().as_uuid(),
        from,
        until,
        provider.map(ProviderId::as_uuid),
        operatory.map(OperatoryId::as_uuid),
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::from)
}

/// Adds a schedule.
pub async fn insert(tx: &mut TenantTx, schedule: &Schedule) -> Result<()> {
    sqlx::query!(
        "INSERT INTO schedules (organization_id, id, kind, provider_id, operatory_id, weekday,
                                valid_from, valid_until, start_minute, end_minute, note, created_at,
                                updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        tx.organization_id().as_uuid(),
        schedule.id.as_uuid(),
        schedule.kind.as_str(),
        schedule.provider_id.map(ProviderId::as_uuid),
        schedule.operatory_id.map(OperatoryId::as_uuid),
        schedule.weekday as _,
        schedule.valid_from,
        schedule.valid_until,
        schedule.start_time as _,
        schedule.end_time as _,
        schedule.note,
        schedule.created_at,
        schedule.updated_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Replaces a schedule's fields, except its kind and its subject. Returns `false` if it does not
/// exist.
pub async fn update(tx: &mut TenantTx, schedule: &Schedule) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE schedules
            SET weekday = $3, valid_from = $4, valid_until = $5, start_minute = $6, end_minute = $7,
                note = $8, updated_at = $9
          WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        schedule.id.as_uuid(),
        schedule.weekday as _,
        schedule.valid_from,
        schedule.valid_until,
        schedule.start_time as _,
        schedule.end_time as _,
        schedule.note,
        schedule.updated_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Deletes a schedule. Returns `false` if it does not exist.
pub async fn delete(tx: &mut TenantTx, id: ScheduleId) -> Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM schedules WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}
