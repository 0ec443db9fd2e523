//! Imports, finished or in progress. A table of the platform.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{PlatformConn, stored},
    domain::import::{Counts, ImportKind, JobStatus},
    error::{Error, Result},
};

/// An import.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: Uuid,
    pub kind: ImportKind,
    /// The slug at that time; `None` if each row of the file names its organization.
    pub organization: Option<String>,
    pub file_name: String,
    pub file_sha256: [u8; 32],
    /// The options of the import, so that it can be resumed with the same ones.
    pub options: Value,
    pub actor: String,
    pub status: JobStatus,
    /// Number of processed records of the file.
    pub records: u64,
    pub counts: Counts,
    pub reject_file: Option<String>,
    /// Size of the reject file for those records, in bytes.
    pub reject_bytes: u64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

struct JobRow {
    id: Uuid,
    kind: String,
    organization: Option<String>,
    file_name: String,
    file_sha256: Vec<u8>,
    options: Value,
    actor: String,
    status: String,
    records: i64,
    new_rows: i64,
    changed_rows: i64,
    unchanged_rows: i64,
    skipped_rows: i64,
    rejected_rows: i64,
    reject_file: Option<String>,
    reject_bytes: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<JobRow> for Job {
    type Error = Error;

    fn try_from(row: JobRow) -> Result<Self> {
        let file_sha256: [u8; 32] = row
            .file_sha256
            .try_into()
            .map_err(|_| Error::failure("import_jobs.file_sha256 is not 32 bytes long"))?;
        Ok(Self {
            id: row.id,
            kind: stored("import_jobs.kind", row.kind.parse())?,
            organization: row.organization,
            file_name: row.file_name,
            file_sha256,
            options: row.options,
            actor: row.actor,
            status: stored("import_jobs.status", row.status.parse())?,
            records: row.records.cast_unsigned(),
            counts: Counts {
                new: row.new_rows.cast_unsigned(),
                changed: row.changed_rows.cast_unsigned(),
                unchanged: row.unchanged_rows.cast_unsigned(),
                skipped: row.skipped_rows.cast_unsigned(),
                rejected: row.rejected_rows.cast_unsigned(),
            },
            reject_file: row.reject_file,
            reject_bytes: row.reject_bytes.cast_unsigned(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Adds an import.
pub async fn insert(conn: &mut PlatformConn, job: &Job) -> Result<()> {
    sqlx::query!(
        "INSERT INTO import_jobs (id, kind, organization, file_name, file_sha256, options, actor, status,
                                  records, new_rows, changed_rows, unchanged_rows, skipped_rows,
                                  rejected_rows, reject_file, reject_bytes, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        job.id,
        job.kind.as_str(),
        job.organization,
        job.file_name,
        job.file_sha256.as_slice(),
        job.options,
        job.actor,
        job.status.as_str(),
        job.records.cast_signed(),
        job.counts.new.cast_signed(),
        job.counts.changed.cast_signed(),
        job.counts.unchanged.cast_signed(),
        job.counts.skipped.cast_signed(),
        job.counts.rejected.cast_signed(),
        job.reject_file,
        job.reject_bytes.cast_signed(),
        job.created_at,
        job.updated_at,
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Records the progress of an import, in the transaction that made it. Returns `false` if the
/// import is no longer at `before`, because another process is resuming it.
pub async fn advance(conn: &mut PlatformConn, job: &Job, before: u64) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE import_jobs
            SET status = $3, records = $4, new_rows = $5, changed_rows = $6, unchanged_rows = $7,
                skipped_rows = $8, rejected_rows = $9, reject_bytes = $10, updated_at = $11
          WHERE id = $1 AND records = $2 AND status <> 'done'",
        job.id,
        before.cast_signed(),
        job.status.as_str(),
        job.records.cast_signed(),
        job.counts.new.cast_signed(),
        job.counts.changed.cast_signed(),
        job.counts.unchanged.cast_signed(),
        job.counts.skipped.cast_signed(),
        job.counts.rejected.cast_signed(),
        job.reject_bytes.cast_signed(),
        job.updated_at,
    )
    .execute(conn.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Finds an import.
pub async fn find(conn: &mut PlatformConn, id: Uuid) -> Result<Option<Job>> {
    sqlx::query_as!(
        JobRow,
        "SELECT id, kind, organization, file_name, file_sha256, options, actor, status, records,
                new_rows, changed_rows, unchanged_rows, skipped_rows, rejected_rows, reject_file,
                reject_bytes, created_at, updated_at
           FROM import_jobs WHERE id = $1",
        id,
    )
    .fetch_optional(conn.connection())
    .await?
    .map(Job::try_from)
    .transpose()
}

/// Returns imports, newest first; only unfinished ones if requested.
pub async fn list(
    conn: &mut PlatformConn,
    organization: Option<&str>,
    unfinished: bool,
    limit: Option<i64>,
) -> Result<Vec<Job>> {
    sqlx::query_as!(
        JobRow,
        "SELECT id, kind, organization, file_name, file_sha256, options, actor, status, records,
                new_rows, changed_rows, unchanged_rows, skipped_rows, rejected_rows, reject_file,
                reject_bytes, created_at, updated_at
           FROM import_jobs
          WHERE ($1::text IS NULL OR organization = $1) AND (NOT $2 OR status <> 'done')
          ORDER BY created_at DESC, id DESC LIMIT $3",
        organization,
        unfinished,
        limit,
    )
    .fetch_all(conn.connection())
    .await?
    .into_iter()
    .map(Job::try_from)
    .collect()
}
