//! Creating, filling and reading the staging table.

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

/// Creates the staging table of a step. It is dropped with the transaction, or by [`drop_staging`].
///
/// # Errors
/// `Refused` if the connecting role may not create temporary tables.
pub async fn make_staging(conn: &mut PlatformConn, kind: ImportKind) -> Result<()> {
    let columns: Vec<String> = COMMON
        .iter()
        .chain(Target::of(kind).staged)
        .map(|(name, of)| format!("{name} {of}"))
        .collect();
    // Safe: constants only.
    let statement = AssertSqlSafe(format!(
        "CREATE TEMPORARY TABLE import_rows ({}) ON COMMIT DROP;
         GRANT SELECT, UPDATE ON import_rows TO tenant_app",
        columns.join(", ")
    ));
    match conn.connection().execute(statement).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_allowed(&error) => Err(Error::refused(
            "this role may not create temporary tables, which imports need",
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

/// Drops the staging table before its transaction ends: a rehearsal creates several in one
/// transaction.
pub async fn drop_staging(conn: &mut PlatformConn) -> Result<()> {
    conn.connection().execute("DROP TABLE import_rows").await?;
    Ok(())
}

/// A COPY into the staging table. Dropping it before [`Copying::finish`] cancels the COPY and
/// aborts the transaction.
pub struct Copying<'a> {
    copy: PgCopyIn<&'a mut PgConnection>,
}

impl<'a> Copying<'a> {
    /// Starts the COPY.
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

    /// Sends whole rows, as built by [`super::CopyRow`].
    pub async fn send(&mut self, rows: Vec<u8>) -> Result<()> {
        self.copy.send(rows).await?;
        Ok(())
    }

    /// Finishes the COPY.
    ///
    /// # Errors
    /// `Failure` if the server cannot parse a row.
    pub async fn finish(self) -> Result<u64> {
        Ok(self.copy.finish().await?)
    }
}

/// Updates the planner's statistics, and creates an index where rows are looked up: those of each
/// of several organizations, and those that a statement has checked, because the planner has no
/// statistics about their number.
pub async fn prepare_staging(conn: &mut PlatformConn, by_record: bool) -> Result<()> {
    if by_record {
        conn.connection()
            .execute("CREATE INDEX ON import_rows (organization_id, record)")
            .await?;
    }
    conn.connection().execute("ANALYZE import_rows").await?;
    Ok(())
}

/// Returns the organizations that have staged rows without faults, in the order in which they are
/// locked.
pub async fn tenants(conn: &mut PlatformConn) -> Result<Vec<OrganizationId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT organization_id FROM import_rows WHERE faults IS NULL ORDER BY 1",
    )
    .fetch_all(conn.connection())
    .await?;
    Ok(ids.into_iter().map(OrganizationId::from).collect())
}

/// Counts the staged rows with faults.
pub async fn count_rejected(conn: &mut PlatformConn) -> Result<u64> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM import_rows WHERE faults IS NOT NULL")
            .fetch_one(conn.connection())
            .await?;
    Ok(count.cast_unsigned())
}

/// A rejected row.
#[derive(Clone, Debug)]
pub struct Rejected {
    pub record: u64,
    pub line: u64,
    pub faults: Vec<Fault>,
}

/// Streams the rows with faults, in the order of the file.
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
