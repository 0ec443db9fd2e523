//! The staging table: made, filled, read back.

use async_stream::try_stream;
use futures_util::{StreamExt, stream::BoxStream};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row as _, postgres::PgCopyIn, types::Json};
use uuid::Uuid;

use super::targets::{COMMON, Target};
use crate::{
    db::PlatformConn,
    domain::{
        OrganizationId,
        import::{Fault, ImportKind},
    },
    error::{Error, Result},
};

/// Makes the staging table of a step. It goes with the transaction, or with [`drop_staging`].
///
/// # Errors
/// `Refused` where the role that connected may make no temporary tables.
pub async fn make_staging(conn: &mut PlatformConn, kind: ImportKind) -> Result<()> {
    let columns: Vec<String> = COMMON
        .iter()
        .chain(Target::of(kind).staged)
        .map(|(name, of)| format!("{name} {of}"))
        .collect();
    // Constants alone.
    let statement = AssertSqlSafe(format!(
        "CREATE TEMPORARY TABLE import_rows ({}) ON COMMIT DROP;
         GRANT SELECT, UPDATE ON import_rows TO tenant_app",
        columns.join(", ")
    ));
    match conn.connection().execute(statement).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_allowed(&error) => Err(Error::refused(
            "this role may not make temporary tables, and rows are staged in one",
        )
        .because(error)
        .hint("as the owner of the database: GRANT TEMPORARY ON DATABASE name TO role")),
        Err(error) => Err(error.into()),
    }
}

fn is_not_allowed(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some("42501")
}

/// Removes the staging table before its transaction ends: a rehearsal makes several in one.
pub async fn drop_staging(conn: &mut PlatformConn) -> Result<()> {
    conn.connection().execute("DROP TABLE import_rows").await?;
    Ok(())
}

/// Rows on their way into the staging table. Dropped before [`Copying::finish`], it stops the
/// copying, and the transaction is over.
pub struct Copying<'a> {
    copy: PgCopyIn<&'a mut PgConnection>,
}

impl<'a> Copying<'a> {
    /// Begins to copy.
    pub async fn begin(conn: &'a mut PlatformConn, kind: ImportKind) -> Result<Self> {
        let columns: Vec<&str> = COMMON
            .iter()
            .chain(Target::of(kind).staged)
            .map(|(name, _)| *name)
            .collect();
        let statement = format!("COPY import_rows ({}) FROM STDIN", columns.join(", "));
        let copy = conn.connection().copy_in_raw(&statement).await?;
        Ok(Self { copy })
    }

    /// Sends whole rows, as [`super::CopyRow`] makes them.
    pub async fn send(&mut self, rows: Vec<u8>) -> Result<()> {
        self.copy.send(rows).await?;
        Ok(())
    }

    /// Ends the copying.
    ///
    /// # Errors
    /// `Failure` where the server does not understand a row.
    pub async fn finish(self) -> Result<u64> {
        Ok(self.copy.finish().await?)
    }
}

/// Lets the planner know what was copied; with an index where rows are found by it: those of each of
/// several organizations, and those that a statement has judged, of whose number the planner knows
/// nothing.
pub async fn prepare_staging(conn: &mut PlatformConn, by_record: bool) -> Result<()> {
    if by_record {
        conn.connection()
            .execute("CREATE INDEX ON import_rows (organization_id, record)")
            .await?;
    }
    conn.connection().execute("ANALYZE import_rows").await?;
    Ok(())
}

/// The organizations that have staged rows without faults, in the order in which they are locked.
pub async fn tenants(conn: &mut PlatformConn) -> Result<Vec<OrganizationId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT organization_id FROM import_rows WHERE faults IS NULL ORDER BY 1",
    )
    .fetch_all(conn.connection())
    .await?;
    Ok(ids.into_iter().map(OrganizationId::from).collect())
}

/// How many staged rows have faults.
pub async fn count_rejected(conn: &mut PlatformConn) -> Result<u64> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM import_rows WHERE faults IS NOT NULL")
            .fetch_one(conn.connection())
            .await?;
    Ok(count.cast_unsigned())
}

/// A row that is rejected.
#[derive(Clone, Debug)]
pub struct Rejected {
    pub record: u64,
    pub line: u64,
    pub faults: Vec<Fault>,
}

/// The rows that have faults, in the order of the file, as the server sends them.
pub fn rejected(conn: &mut PlatformConn, limit: Option<i64>) -> BoxStream<'_, Result<Rejected>> {
    try_stream! {
        let mut rows = sqlx::query(
            "SELECT record, line, faults FROM import_rows WHERE faults IS NOT NULL
              ORDER BY record LIMIT $1",
        )
        .bind(limit)
        .fetch(conn.connection());
        while let Some(row) = rows.next().await {
            let row = row?;
            let Json(faults) = row.try_get::<Json<Vec<Fault>>, _>("faults")?;
            yield Rejected {
                record: row.try_get::<i64, _>("record")?.cast_unsigned(),
                line: row.try_get::<i64, _>("line")?.cast_unsigned(),
                faults,
            };
        }
    }
    .boxed()
}
