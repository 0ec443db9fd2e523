//! Organizations: the tenant roots. Listing and lookups belong to the platform; changes are made in
//! the organization's own scope.

use async_stream::try_stream;
use futures_util::{StreamExt, stream::BoxStream};

use super::{Database, PlatformConn, TenantTx, is_unique_violation, table::columns};
use crate::{
    domain::{
        OrganizationId, Slug, UserId,
        organization::{Organization, OrganizationStatus},
    },
    error::{Error, Result},
};

columns! {
    ($) select: Organization;
    "id" "slug" "name" "status" "time_zone" "locale" "allowed_email_domains" "version"
    "created_at" "updated_at" "suspended_at" "deleted_at" "purge_after"
}

/// Finds an organization of any status by its slug.
pub async fn find_by_slug(conn: &mut PlatformConn, slug: &str) -> Result<Option<Organization>> {
    select!("FROM organizations WHERE slug = $1", slug)
        .fetch_optional(conn.connection())
        .await
        .map_err(Error::from)
}

/// Finds the organization of any status that has a slug, in the lookup table, which contains
/// nothing else.
pub async fn id_of_slug(conn: &mut PlatformConn, slug: &str) -> Result<Option<OrganizationId>> {
    let found = sqlx::query_scalar!(
        "SELECT organization_id FROM organization_slugs WHERE slug = $1",
        slug
    )
    .fetch_optional(conn.connection())
    .await?;
    Ok(found.map(OrganizationId::from))
}

/// Finds an organization of any status by its id.
pub async fn find(conn: &mut PlatformConn, id: OrganizationId) -> Result<Option<Organization>> {
    select!("FROM organizations WHERE id = $1", id.as_uuid())
        .fetch_optional(conn.connection())
        .await
        .map_err(Error::from)
}

/// Returns the slugs that start with `prefix`, for completion and for "did you mean".
pub async fn slugs(conn: &mut PlatformConn, prefix: &str, limit: i64) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT slug FROM organizations WHERE starts_with(slug, $1) ORDER BY slug LIMIT $2",
        prefix,
        limit
    )
    .fetch_all(conn.connection())
    .await?)
}

/// Returns the organization that scopes the transaction.
pub async fn current(tx: &mut TenantTx) -> Result<Option<Organization>> {
    let id = tx.organization_id();
    select!("FROM organizations WHERE id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await
        .map_err(Error::from)
}

/// Returns the organization that scopes the transaction, and locks it until the end of the
/// transaction: two changes of owners, or a change and a suspension, wait for each other.
pub async fn lock_current(tx: &mut TenantTx) -> Result<Option<Organization>> {
    let id = tx.organization_id();
    select!(
        "FROM organizations WHERE id = $1 FOR NO KEY UPDATE",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Adds the organization itself, in its own scope. Returns `false` if the slug is taken.
pub async fn insert(tx: &mut TenantTx, organization: &Organization) -> Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO organizations (id, slug, name, status, time_zone, locale,
                                    allowed_email_domains, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (slug) DO NOTHING",
        organization.id.as_uuid(),
        organization.slug.as_str(),
        organization.name,
        organization.status.as_str(),
        organization.time_zone.name(),
        organization.locale.as_str(),
        &organization.allowed_email_domains,
        organization.version,
        organization.created_at,
        organization.updated_at,
    )
    .execute(tx.connection())
    .await?;
    let is_new = inserted.rows_affected() == 1;
    if is_new {
        insert_slug(tx, &organization.slug).await?;
    }
    Ok(is_new)
}

/// Adds the slug to the lookup table.
async fn insert_slug(tx: &mut TenantTx, slug: &Slug) -> Result<()> {
    sqlx::query!(
        "INSERT INTO organization_slugs (organization_id, slug) VALUES ($1, $2)",
        tx.organization_id().as_uuid(),
        slug.as_str(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Removes the slug from the lookup table if `new` replaces it: the foreign key would prevent the
/// organization from changing it. Returns `true` if it was different, so that the new one has to be
/// inserted.
async fn delete_former_slug(tx: &mut TenantTx, new: &Slug) -> Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM organization_slugs WHERE organization_id = $1 AND slug <> $2",
        tx.organization_id().as_uuid(),
        new.as_str(),
    )
    .execute(tx.connection())
    .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Writes all changeable columns if the row still has the version it was read with.
///
/// # Errors
/// `Conflict` if the slug is taken or the row was changed in the meantime.
pub async fn update(tx: &mut TenantTx, organization: &Organization) -> Result<()> {
    let is_renamed = delete_former_slug(tx, &organization.slug).await?;
    let updated = sqlx::query!(
        "UPDATE organizations
            SET slug = $2, name = $3, status = $4, time_zone = $5, locale = $6,
                allowed_email_domains = $7, updated_at = $8, suspended_at = $9, deleted_at = $10,
                purge_after = $11, version = $12 + 1
          WHERE id = $1 AND version = $12",
        tx.organization_id().as_uuid(),
        organization.slug.as_str(),
        organization.name,
        organization.status.as_str(),
        organization.time_zone.name(),
        organization.locale.as_str(),
        &organization.allowed_email_domains,
        organization.updated_at,
        organization.suspended_at,
        organization.deleted_at,
        organization.purge_after,
        organization.version,
    )
    .execute(tx.connection())
    .await;
    match updated {
        Ok(done) if done.rows_affected() == 1 => {
            if is_renamed {
                insert_slug(tx, &organization.slug).await?;
            }
            // Whether a channel is live depends on the organization's status.
            super::channels::notify(tx, "*").await
        }
        Ok(_) => Err(Error::conflict(format!(
            "organization {} was changed by another session in the meantime",
            organization.slug
        ))
        .hint("nothing was changed; run the command again")),
        Err(error) if is_unique_violation(&error, "organizations_slug_key") => Err(
            Error::conflict(format!("slug {} already exists", organization.slug))
                .hint("choose another one: --slug"),
        ),
        Err(error) => Err(error.into()),
    }
}

/// Sort order of a list of organizations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OrganizationOrder {
    #[default]
    Slug,
    Name,
    Created,
}

impl OrganizationOrder {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Slug => "slug",
            Self::Name => "name",
            Self::Created => "created",
        }
    }
}

/// Filter for [`stream`].
#[derive(Clone, Debug, Default)]
pub struct OrganizationFilter {
    pub status: Option<OrganizationStatus>,
    /// Part of the name or slug, case-insensitive.
    pub text: Option<String>,
    /// Only organizations that this user is a member of, without deleted ones.
    pub member: Option<UserId>,
    pub order: OrganizationOrder,
    pub descending: bool,
    /// `None` for all.
    pub limit: Option<i64>,
}

/// Streams the organizations as the server sends them: memory use does not grow with their number.
pub fn stream(
    db: &Database,
    filter: OrganizationFilter,
) -> BoxStream<'static, Result<Organization>> {
    let db = db.clone();
    try_stream! {
        let mut conn = PlatformConn::open(&db)?;
        let pattern = filter.text.as_deref().map(contains_pattern);
        let order = filter.order.as_str();
        let mut rows = select!(
            r#"FROM organizations o
                WHERE ($1::text IS NULL OR status = $1)
                  AND ($2::text IS NULL OR name ILIKE $2 OR slug ILIKE $2)
                  AND ($3::uuid IS NULL
                       OR (status <> 'deleted'
                           AND EXISTS (SELECT FROM user_organizations u
                                        WHERE u.organization_id = o.id AND u.user_id = $3)))
                ORDER BY CASE WHEN $4 = 'name' AND NOT $5 THEN lower(name) END,
                         CASE WHEN $4 = 'name' AND $5 THEN lower(name) END DESC,
                         CASE WHEN $4 = 'created' AND NOT $5 THEN created_at END,
                         CASE WHEN $4 = 'created' AND $5 THEN created_at END DESC,
                         CASE WHEN $4 = 'slug' AND $5 THEN slug END DESC,
                         slug
                LIMIT $6"#,
            filter.status.map(OrganizationStatus::as_str),
            pattern,
            filter.member.map(|user| user.as_uuid()),
            order,
            filter.descending,
            filter.limit,
        )
        .fetch(conn.connection());
        while let Some(row) = rows.next().await {
            yield row?;
        }
    }
    .boxed()
}

/// Returns an ILIKE pattern that matches texts containing `text`, with special characters escaped.
pub(super) fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::contains_pattern;

    #[test]
    fn wildcards_in_the_text_are_plain_characters() {
        assert_eq!(contains_pattern(r"50%_\"), r"%50\%\_\\%");
    }
}
