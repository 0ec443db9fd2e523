//! The access log: hash-chained rows for each response that depended on patients' records.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{TenantTx, chains::HeadRow};
use crate::{
    domain::{
        PatientId,
        access::{Access, Reader, Rows},
        chain::Head,
    },
    error::{Error, Result},
};

/// Appends the rows of one response, which form one link of the chain. All share the same time,
/// reader, actor and request.
///
/// Locks the head of the chain until the end of the transaction, so call it last: readers of an
/// organization then wait for each other only from here to the commit.
///
/// # Errors
/// `Failure` if the chain has no head: then nothing may be shown.
pub async fn append(tx: &mut TenantTx, mut rows: Vec<Access>) -> Result<()> {
    rows.sort_unstable_by_key(|row| row.id);
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let organization = tx.organization_id();
    let mut digest = Rows::default();
    for row in &rows {
        digest.add(organization, row);
    }
    let digest = digest.digest();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let patients: Vec<Uuid> = rows.iter().map(|row| row.patient_id.as_uuid()).collect();
    let inserted = sqlx::query!(
        "WITH head AS (
             UPDATE access_chains
                SET last_sequence = last_sequence + 1,
                    last_hash = sha256(last_hash || int8send(last_sequence + 1) || $8)
              WHERE organization_id = $1
          RETURNING last_sequence, last_hash
         )
         INSERT INTO access_log (organization_id, id, occurred_at, actor, function, patient_id,
                                 request_id, sequence, hash)
         SELECT $1, r.id, $3, $4, $5, r.patient_id, $7, head.last_sequence, head.last_hash
           FROM head, unnest($2::uuid[], $6::uuid[]) r (id, patient_id)",
        organization.as_uuid(),
        &ids,
        first.occurred_at,
        first.actor,
        first.function,
        &patients,
        first.request_id,
        digest.as_slice(),
    )
    .execute(tx.connection())
    .await?;
    if inserted.rows_affected() == ids.len() as u64 {
        return Ok(());
    }
    Err(
        Error::failure("cannot write to the access log: the head of its chain is missing").hint(
            "no tenantctl command removes it, so SQL must have: restore \
             access_chains from a backup",
        ),
    )
}

/// A row with its position in the chain and its stored hash.
#[derive(Clone, Debug)]
pub struct StoredAccess {
    pub sequence: i64,
    pub row: Access,
    pub hash: Vec<u8>,
}

/// Returns the head of the organization's chain.
pub async fn head(tx: &mut TenantTx) -> Result<Option<Head>> {
    sqlx::query_as!(
        HeadRow,
        "SELECT last_sequence, last_hash FROM access_chains WHERE organization_id = $1",
        tx.organization_id().as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Head::try_from)
    .transpose()
}

/// Returns up to `limit` rows after a row, in the order of the chain; `None` starts at the first.
pub async fn after(
    tx: &mut TenantTx,
    row: Option<(i64, Uuid)>,
    limit: i64,
) -> Result<Vec<StoredAccess>> {
    let (sequence, id) = row.unwrap_or((i64::MIN, Uuid::nil()));
    let rows = sqlx::query!(
        "SELECT sequence, id, occurred_at, actor, function, patient_id, request_id, hash
           FROM access_log
          WHERE organization_id = $1 AND (sequence, id) > ($2, $3)
          ORDER BY sequence, id LIMIT $4",
        tx.organization_id().as_uuid(),
        sequence,
        id,
        limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredAccess {
            sequence: row.sequence,
            row: Access {
                id: row.id,
                occurred_at: row.occurred_at,
                actor: row.actor,
                function: row.function,
                patient_id: row.patient_id.into(),
                request_id: row.request_id,
            },
            hash: row.hash,
        })
        .collect())
}

/// Filter for [`page`].
#[derive(Clone, Debug, Default)]
pub struct AccessFilter {
    /// Only rows about this patient's record.
    pub patient: Option<PatientId>,
    /// Part of the reader's name, case-insensitive.
    pub actor: Option<String>,
    pub function: Option<Reader>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// Only rows older than this one.
    pub before: Option<Uuid>,
    pub limit: i64,
}

/// Returns a page of the rows, newest first.
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
        filter.function.map(Reader::as_str),
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
