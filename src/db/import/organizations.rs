//! Bulk import of organizations. They are checked in sets by the platform, which knows all slugs;
//! their rows can be written only in the scope of each organization.

use sqlx::{AssertSqlSafe, Executor as _, Row as _, types::Json};
use uuid::Uuid;

use super::statements::{Difference, counts_of, difference_of, other_values};
use crate::{
    db::{PlatformConn, stored},
    domain::{
        Email, Locale, OrganizationId, Slug, TimeZone,
        import::{Counts, ImportKind, OnConflict, SHOWN_CHARACTERS},
    },
    error::Result,
};

/// Checks the staged rows for faults beyond each row itself, and finds existing organizations.
/// Their owners are not compared: an organization may have several.
pub async fn judge(conn: &mut PlatformConn, on_conflict: OnConflict) -> Result<()> {
    let conn = conn.connection();
    // Safe: constants only.
    conn.execute(AssertSqlSafe(format!(
        "UPDATE import_rows s
            SET faults = jsonb_build_array(jsonb_build_object(
                    'column', 'slug', 'value', left(s.slug, {SHOWN_CHARACTERS}),
                    'rule', 'duplicate of line ' || repeated.first_line))
           FROM (SELECT record, first_value(line) OVER same AS first_line,
                        row_number() OVER same AS place
                   FROM import_rows WHERE faults IS NULL
                 WINDOW same AS (PARTITION BY slug ORDER BY record)) repeated
          WHERE s.record = repeated.record AND repeated.place > 1"
    )))
    .await?;
    conn.execute(
        "UPDATE import_rows s
            SET existing = o.id, organization_id = o.id,
                differs = s.name <> o.name
                       OR coalesce(s.time_zone <> o.time_zone, false)
                       OR coalesce(s.locale <> o.locale, false)
           FROM organizations o
          WHERE s.faults IS NULL AND o.slug = s.slug",
    )
    .await?;
    conn.execute(
        "UPDATE import_rows s
            SET faults = jsonb_build_array(jsonb_build_object(
                    'column', 'slug', 'value', s.slug,
                    'rule', 'a deleted organization has this slug'))
           FROM organizations o
          WHERE s.faults IS NULL AND o.id = s.existing AND o.status = 'deleted'",
    )
    .await?;
    if on_conflict == OnConflict::Fail {
        let fault = other_values(ImportKind::Organizations);
        sqlx::query("UPDATE import_rows SET faults = $1 WHERE faults IS NULL AND differs")
            .bind(Json([fault]))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Counts the staged rows by outcome.
pub async fn counts(conn: &mut PlatformConn, on_conflict: OnConflict) -> Result<Counts> {
    let row = sqlx::query(
        "SELECT count(*) FILTER (WHERE faults IS NULL AND existing IS NULL) AS new,
                count(*) FILTER (WHERE faults IS NULL AND differs) AS differing,
                count(*) FILTER (WHERE faults IS NULL AND NOT differs) AS unchanged,
                count(*) FILTER (WHERE faults IS NOT NULL) AS rejected
           FROM import_rows",
    )
    .fetch_one(conn.connection())
    .await?;
    counts_of(&row, on_conflict)
}

/// Returns the ids of the rows to write, in the order in which their organizations are locked:
/// existing ones by id, as other imports lock them, and then new ones by slug.
pub async fn to_write(conn: &mut PlatformConn, on_conflict: OnConflict) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM import_rows
          WHERE faults IS NULL AND (existing IS NULL OR (differs AND $1))
          ORDER BY existing NULLS LAST, slug",
    )
    .bind(on_conflict == OnConflict::Update)
    .fetch_all(conn.connection())
    .await?)
}

/// A row of the file.
#[derive(Clone, Debug)]
pub struct StagedOrganization {
    pub id: OrganizationId,
    /// `true` if the organization already exists.
    pub is_there: bool,
    pub name: String,
    pub slug: Slug,
    pub owner: Option<Email>,
    pub time_zone: Option<TimeZone>,
    pub locale: Option<Locale>,
}

/// Returns the rows of [`to_write`] with these ids, in the same order.
pub async fn staged(conn: &mut PlatformConn, ids: &[Uuid]) -> Result<Vec<StagedOrganization>> {
    let rows = sqlx::query(
        "SELECT organization_id, existing IS NOT NULL AS is_there, name, slug, owner, time_zone, locale
           FROM import_rows WHERE id = ANY ($1) ORDER BY existing NULLS LAST, slug",
    )
    .bind(ids)
    .fetch_all(conn.connection())
    .await?;
    rows.into_iter()
        .map(|row| {
            let text = |column: &str| row.try_get::<Option<String>, _>(column);
            let slug: String = row.try_get("slug")?;
            let (owner, zone, locale) = (text("owner")?, text("time_zone")?, text("locale")?);
            Ok(StagedOrganization {
                id: row.try_get::<Uuid, _>("organization_id")?.into(),
                is_there: row.try_get("is_there")?,
                name: row.try_get("name")?,
                slug: stored("import_rows.slug", Slug::from_stored(&slug))?,
                owner: stored("import_rows.owner", owner.map(|o| o.parse()).transpose())?,
                time_zone: stored("import_rows.time_zone", zone.map(|z| z.parse()).transpose())?,
                locale: stored("import_rows.locale", locale.map(|l| l.parse()).transpose())?,
            })
        })
        .collect()
}

/// Returns the first rows that differ from the existing organizations.
pub async fn differences(conn: &mut PlatformConn, limit: i64) -> Result<Vec<Difference>> {
    let rows = sqlx::query(
        "SELECT s.line, o.id, jsonb_build_object(
                    'name', jsonb_build_array(o.name, s.name),
                    'time_zone', jsonb_build_array(o.time_zone, s.time_zone),
                    'locale', jsonb_build_array(o.locale, s.locale)) AS columns
           FROM import_rows s JOIN organizations o ON o.id = s.existing
          WHERE s.faults IS NULL AND s.differs ORDER BY s.record LIMIT $1",
    )
    .bind(limit)
    .fetch_all(conn.connection())
    .await?;
    rows.iter().map(difference_of).collect()
}
