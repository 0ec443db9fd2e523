//! The activity log: rows in hash chains, one per organization and one for the platform.

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream::BoxStream};
use serde_json::Value;
use uuid::Uuid;

use super::{Database, PlatformConn, TenantTx, chains::HeadRow};
use crate::{
    domain::{OrganizationId, activity::Entry, chain::Head},
    error::Result,
};

/// The contents of an entry, before it is added to a chain.
#[derive(Clone, Debug)]
pub struct NewEntry {
    pub id: Uuid,
    pub occurred_at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub object_type: String,
    pub object_id: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub request_id: Uuid,
}

impl NewEntry {
    fn into_entry(self, organization_id: Option<OrganizationId>, sequence: i64) -> Entry {
        Entry {
            organization_id,
            sequence,
            id: self.id.into(),
            occurred_at: self.occurred_at,
            actor: self.actor,
            action: self.action,
            object_type: self.object_type,
            object_id: self.object_id,
            before: self.before,
            after: self.after,
            request_id: self.request_id,
        }
    }
}

/// An entry with its stored hashes.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    pub entry: Entry,
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

struct EntryRow {
    organization_id: Option<Uuid>,
    id: Uuid,
    sequence: i64,
    occurred_at: DateTime<Utc>,
    actor: String,
    action: String,
    object_type: String,
    object_id: String,
    before: Option<Value>,
    after: Option<Value>,
    request_id: Uuid,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl From<EntryRow> for StoredEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            entry: Entry {
                organization_id: row.organization_id.map(OrganizationId::from),
                sequence: row.sequence,
                id: row.id.into(),
                occurred_at: row.occurred_at,
                actor: row.actor,
                action: row.action,
                object_type: row.object_type,
                object_id: row.object_id,
                before: row.before,
                after: row.after,
                request_id: row.request_id,
            },
            previous_hash: row.previous_hash,
            hash: row.hash,
        }
    }
}

/// Appends an entry to the organization's chain, in the transaction of the change that it
/// describes. Locks the head of the chain until the end of that transaction, so writers wait for
/// each other.
pub async fn append(tx: &mut TenantTx, new: NewEntry) -> Result<()> {
    tx.about_to_change();
    let organization = tx.organization_id();
    let head = sqlx::query_as!(
        HeadRow,
        "SELECT last_sequence, last_hash FROM activity_chains WHERE organization_id = $1 FOR UPDATE",
        organization.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    let head = Head::try_from(head)?;
    let previous = head.hash;
    let entry = new.into_entry(Some(organization), head.sequence + 1);
    let hash = entry.hash(&previous);
    sqlx::query!(
        "WITH head AS (
             UPDATE activity_chains SET last_sequence = $3, last_hash = $13 WHERE organization_id = $1
         )
         INSERT INTO activity_log (organization_id, id, sequence, occurred_at, actor, action,
                                   object_type, object_id, before, after, request_id,
                                   previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        organization.as_uuid(),
        entry.id.as_uuid(),
        entry.sequence,
        entry.occurred_at,
        entry.actor,
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.before,
        entry.after,
        entry.request_id,
        previous.as_slice(),
        hash.as_slice(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Appends an entry to the platform's chain, in the transaction of the change that it describes.
pub async fn append_platform(conn: &mut PlatformConn, new: NewEntry) -> Result<()> {
    conn.about_to_change();
    let head = sqlx::query_as!(
        HeadRow,
        "SELECT last_sequence, last_hash FROM platform_activity_chain WHERE id = 1 FOR UPDATE",
    )
    .fetch_one(conn.connection())
    .await?;
    let head = Head::try_from(head)?;
    let previous = head.hash;
    let entry = new.into_entry(None, head.sequence + 1);
    let hash = entry.hash(&previous);
    sqlx::query!(
        "WITH head AS (
             UPDATE platform_activity_chain SET last_sequence = $2, last_hash = $12 WHERE id = 1
         )
         INSERT INTO platform_activity_log (id, sequence, occurred_at, actor, action, object_type,
                                            object_id, before, after, request_id, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        entry.id.as_uuid(),
        entry.sequence,
        entry.occurred_at,
        entry.actor,
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.before,
        entry.after,
        entry.request_id,
        previous.as_slice(),
        hash.as_slice(),
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Filter for [`stream`] and [`stream_platform`].
#[derive(Clone, Debug, Default)]
pub struct ActivityFilter {
    /// Part of the actor's name, case-insensitive.
    pub actor: Option<String>,
    /// An action (`member.role`), or the noun before its dot.
    pub action: Option<String>,
    pub object_id: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub limit: Option<i64>,
}

/// Streams the entries of the organization, newest first.
pub fn stream(mut tx: TenantTx, filter: ActivityFilter) -> BoxStream<'static, Result<StoredEntry>> {
    try_stream! {
        let organization = tx.organization_id().as_uuid();
        let mut rows = sqlx::query_as!(
            EntryRow,
            r#"SELECT organization_id AS "organization_id?", id, sequence, occurred_at, actor, action,
                      object_type, object_id, before, after, request_id, previous_hash, hash
                 FROM activity_log
                WHERE organization_id = $1
                  AND ($2::text IS NULL OR actor ILIKE $2)
                  AND ($3::text IS NULL OR action = $3 OR starts_with(action, $3 || '.'))
                  AND ($4::text IS NULL OR object_id = $4)
                  AND ($5::timestamptz IS NULL OR occurred_at >= $5)
                  AND ($6::timestamptz IS NULL OR occurred_at < $6)
                ORDER BY sequence DESC LIMIT $7"#,
            organization,
            filter.actor.as_deref().map(super::organizations::contains_pattern),
            filter.action,
            filter.object_id,
            filter.since,
            filter.until,
            filter.limit,
        )
        .fetch(tx.connection());
        while let Some(row) = rows.next().await {
            yield row?.into();
        }
    }
    .boxed()
}

/// Streams the platform's own entries, newest first.
pub fn stream_platform(
    db: &Database,
    filter: ActivityFilter,
) -> BoxStream<'static, Result<StoredEntry>> {
    let db = db.clone();
    try_stream! {
        let mut conn = PlatformConn::open(&db)?;
        let mut rows = sqlx::query_as!(
            EntryRow,
            r#"SELECT NULL::uuid AS organization_id, id, sequence, occurred_at, actor, action, object_type,
                      object_id, before, after, request_id, previous_hash, hash
                 FROM platform_activity_log
                WHERE ($1::text IS NULL OR actor ILIKE $1)
                  AND ($2::text IS NULL OR action = $2 OR starts_with(action, $2 || '.'))
                  AND ($3::text IS NULL OR object_id = $3)
                  AND ($4::timestamptz IS NULL OR occurred_at >= $4)
                  AND ($5::timestamptz IS NULL OR occurred_at < $5)
                ORDER BY sequence DESC LIMIT $6"#,
            filter.actor.as_deref().map(super::organizations::contains_pattern),
            filter.action,
            filter.object_id,
            filter.since,
            filter.until,
            filter.limit,
        )
        .fetch(conn.connection());
        while let Some(row) = rows.next().await {
            yield row?.into();
        }
    }
    .boxed()
}

/// Finds an entry of the organization by its position in the chain.
pub async fn find(tx: &mut TenantTx, sequence: i64) -> Result<Option<StoredEntry>> {
    Ok(sqlx::query_as!(
        EntryRow,
        r#"SELECT organization_id AS "organization_id?", id, sequence, occurred_at, actor, action,
                  object_type, object_id, before, after, request_id, previous_hash, hash
             FROM activity_log WHERE organization_id = $1 AND sequence = $2"#,
        tx.organization_id().as_uuid(),
        sequence,
    )
    .fetch_optional(tx.connection())
    .await?
    .map(StoredEntry::from))
}

/// Finds an entry of the platform by its position in the chain.
pub async fn find_platform(conn: &mut PlatformConn, sequence: i64) -> Result<Option<StoredEntry>> {
    Ok(sqlx::query_as!(
        EntryRow,
        r#"SELECT NULL::uuid AS organization_id, id, sequence, occurred_at, actor, action, object_type,
                  object_id, before, after, request_id, previous_hash, hash
             FROM platform_activity_log WHERE sequence = $1"#,
        sequence,
    )
    .fetch_optional(conn.connection())
    .await?
    .map(StoredEntry::from))
}

/// Returns the head of the organization's chain.
pub async fn head(tx: &mut TenantTx) -> Result<Option<Head>> {
    sqlx::query_as!(
        HeadRow,
        "SELECT last_sequence, last_hash FROM activity_chains WHERE organization_id = $1",
        tx.organization_id().as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(Head::try_from)
    .transpose()
}

/// Returns the head of the platform's chain.
pub async fn head_platform(conn: &mut PlatformConn) -> Result<Option<Head>> {
    sqlx::query_as!(
        HeadRow,
        "SELECT last_sequence, last_hash FROM platform_activity_chain WHERE id = 1",
    )
    .fetch_optional(conn.connection())
    .await?
    .map(Head::try_from)
    .transpose()
}

/// Returns up to `limit` entries of the organization after a position in the chain, oldest first,
/// for walking it.
pub async fn after(tx: &mut TenantTx, sequence: i64, limit: i64) -> Result<Vec<StoredEntry>> {
    Ok(sqlx::query_as!(
        EntryRow,
        r#"SELECT organization_id AS "organization_id?", id, sequence, occurred_at, actor, action,
                  object_type, object_id, before, after, request_id, previous_hash, hash
             FROM activity_log WHERE organization_id = $1 AND sequence > $2
            ORDER BY sequence LIMIT $3"#,
        tx.organization_id().as_uuid(),
        sequence,
        limit,
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(StoredEntry::from)
    .collect())
}

/// Returns up to `limit` entries of the platform after a position in the chain, oldest first.
pub async fn after_platform(
    conn: &mut PlatformConn,
    sequence: i64,
    limit: i64,
) -> Result<Vec<StoredEntry>> {
    Ok(sqlx::query_as!(
        EntryRow,
        r#"SELECT NULL::uuid AS organization_id, id, sequence, occurred_at, actor, action, object_type,
                  object_id, before, after, request_id, previous_hash, hash
             FROM platform_activity_log WHERE sequence > $1
            ORDER BY sequence LIMIT $2"#,
        sequence,
        limit,
    )
    .fetch_all(conn.connection())
    .await?
    .into_iter()
    .map(StoredEntry::from)
    .collect())
}
