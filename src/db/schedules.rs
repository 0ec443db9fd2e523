//! Schedules: working hours, holidays and blockouts.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{TenantTx, stored};
use crate::{
    domain::{
        OperatoryId, ProviderId, ScheduleId,
        booking::{ClockTime, Schedule, ScheduleKind, Weekday},
    },
    error::{Error, Result},
};

struct ScheduleRow {
    id: Uuid,
    kind: String,
    provider_id: Option<Uuid>,
    operatory_id: Option<Uuid>,
    weekday: Option<i16>,
    valid_from: Option<NaiveDate>,
    valid_until: Option<NaiveDate>,
    start_minute: Option<i16>,
    end_minute: Option<i16>,
    note: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<ScheduleRow> for Schedule {
    type Error = Error;

    fn try_from(row: ScheduleRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            kind: stored("schedules.kind", row.kind.parse::<ScheduleKind>())?,
            provider_id: row.provider_id.map(ProviderId::from),
            operatory_id: row.operatory_id.map(OperatoryId::from),
            weekday: row.weekday.and_then(Weekday::from_iso),
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            start_time: row.start_minute.and_then(clock_time),
            end_time: row.end_minute.and_then(clock_time),
            note: row.note,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Converts a stored time. The table checks its range.
fn clock_time(minutes: i16) -> Option<ClockTime> {
    ClockTime::from_minutes(u16::try_from(minutes).ok()?)
}

fn minutes(time: Option<ClockTime>) -> Option<i16> {
    time.and_then(|time| i16::try_from(time.minutes()).ok())
}

/// Finds a schedule.
pub async fn find(tx: &mut TenantTx, id: ScheduleId) -> Result<Option<Schedule>> {
    sqlx::query_as!(
        ScheduleRow,
        "SELECT id, kind, provider_id, operatory_id, weekday, valid_from, valid_until, start_minute,
                end_minute, note, created_at, updated_at
           FROM schedules WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Schedule::try_from)
    .transpose()
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
    sqlx::query_as!(
        ScheduleRow,
        "SELECT id, kind, provider_id, operatory_id, weekday, valid_from, valid_until, start_minute,
                end_minute, note, created_at, updated_at
           FROM schedules
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
    .await?
    .into_iter()
    .map(Schedule::try_from)
    .collect()
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
    sqlx::query_as!(
        ScheduleRow,
        "SELECT id, kind, provider_id, operatory_id, weekday, valid_from, valid_until, start_minute,
                end_minute, note, created_at, updated_at
           FROM schedules
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
    .await?
    .into_iter()
    .map(Schedule::try_from)
    .collect()
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
        schedule.weekday.map(Weekday::iso),
        schedule.valid_from,
        schedule.valid_until,
        minutes(schedule.start_time),
        minutes(schedule.end_time),
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
        schedule.weekday.map(Weekday::iso),
        schedule.valid_from,
        schedule.valid_until,
        minutes(schedule.start_time),
        minutes(schedule.end_time),
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
