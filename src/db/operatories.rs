//! Operatories.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{TenantTx, is_unique_violation, providers::ResourceFilter};
use crate::{
    domain::{
        OperatoryId,
        booking::{Operatory, name_search},
    },
    error::{Error, Result},
};

struct OperatoryRow {
    id: Uuid,
    external_id: Option<String>,
    name: String,
    notes: Option<String>,
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<OperatoryRow> for Operatory {
    fn from(row: OperatoryRow) -> Self {
        Self {
            id: row.id.into(),
            external_id: row.external_id,
            name: row.name,
            notes: row.notes,
            archived_at: row.archived_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Finds an operatory.
pub async fn find(tx: &mut TenantTx, id: OperatoryId) -> Result<Option<Operatory>> {
    Ok(sqlx::query_as!(
        OperatoryRow,
        "SELECT id, external_id, name, notes, archived_at, created_at, updated_at
           FROM operatories WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Operatory::from))
}

/// Returns the matching operatories, ordered by name.
pub async fn list(tx: &mut TenantTx, filter: &ResourceFilter) -> Result<Vec<Operatory>> {
    Ok(sqlx::query_as!(
        OperatoryRow,
        "SELECT id, external_id, name, notes, archived_at, created_at, updated_at
           FROM operatories
          WHERE organization_id = $1
            AND ($2::text IS NULL OR strpos(sort_name, $2) > 0)
            AND ($3::text IS NULL OR external_id = $3)
            AND ($4 OR archived_at IS NULL)
            AND ($5::uuid IS NULL OR (sort_name, id) > ($7::text, $5))
          ORDER BY sort_name, id LIMIT $6",
        tx.organization_id().as_uuid(),
        filter.text,
        filter.external_id,
        filter.include_archived,
        filter.after.as_ref().map(|mark| mark.id),
        filter.limit,
        filter.after.as_ref().map(|mark| mark.key.as_str()),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(Operatory::from)
    .collect())
}

/// Adds an operatory.
///
/// # Errors
/// `Conflict` if another operatory has the external id.
pub async fn insert(tx: &mut TenantTx, operatory: &Operatory) -> Result<()> {
    sqlx::query!(
        "INSERT INTO operatories (organization_id, id, external_id, name, sort_name, notes,
                                  archived_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tx.organization_id().as_uuid(),
        operatory.id.as_uuid(),
        operatory.external_id,
        operatory.name,
        name_search::fold(&operatory.name),
        operatory.notes,
        operatory.archived_at,
        operatory.created_at,
        operatory.updated_at,
    )
    .execute(tx.connection())
    .await
    .map_err(not_stored)?;
    Ok(())
}

/// Replaces an operatory's fields. Returns `false` if it does not exist.
///
/// # Errors
/// `Conflict` if another operatory has the external id.
pub async fn update(tx: &mut TenantTx, operatory: &Operatory) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE operatories
            SET external_id = $3, name = $4, sort_name = $5, notes = $6, archived_at = $7,
                updated_at = $8,
                shares_name = shares_name AND archived_at IS NULL
                              AND sort_name = $5 AND $7::timestamptz IS NULL
          WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        operatory.id.as_uuid(),
        operatory.external_id,
        operatory.name,
        name_search::fold(&operatory.name),
        operatory.notes,
        operatory.archived_at,
        operatory.updated_at,
    )
    .execute(tx.connection())
    .await
    .map_err(not_stored)?;
    Ok(updated.rows_affected() == 1)
}

/// Deletes an operatory and its schedules. Returns `false` if it does not exist.
///
/// # Errors
/// `Failure` if appointments refer to it: count these first.
pub async fn delete(tx: &mut TenantTx, id: OperatoryId) -> Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM operatories WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}

fn not_stored(error: sqlx::Error) -> Error {
    if is_unique_violation(&error, "operatories_organization_id_external_id_key") {
        return Error::conflict("another operatory has this external_id").hint(
            "external_id is the operatory's id in the practice's own system and must be unique",
        );
    }
    if is_unique_violation(&error, "operatories_active_name_key") {
        return Error::conflict("another active operatory has this name").hint(
            "active operatories need unique names: choose another name, or archive the other operatory",
        );
    }
    error.into()
}
