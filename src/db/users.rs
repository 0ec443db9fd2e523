//! Users: people across organizations. A global table, so all functions here take the platform's
//! connection.

use async_stream::try_stream;
use futures_util::{StreamExt, stream::BoxStream};

use super::{Database, PlatformConn, organizations::contains_pattern, table::columns};
use crate::{
    domain::{Email, OrganizationId, UserId, user::User},
    error::{Error, Result},
};

columns! {
    ($) select: User;
    "id" "email" "name" "created_at" "updated_at"
}

/// Adds a user. Returns `false` if the address or the id already exists.
///
/// ON CONFLICT names neither key: if two sessions add the same user at the same time, the second
/// one would fail on the other key.
pub async fn insert(conn: &mut PlatformConn, user: &User) -> Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO users (id, email, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        user.id.as_uuid(),
        user.email.as_str(),
        user.name,
        user.created_at,
        user.updated_at,
    )
    .execute(conn.connection())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Finds a user by address.
pub async fn find_by_email(conn: &mut PlatformConn, email: &Email) -> Result<Option<User>> {
    select!("FROM users WHERE email = $1", email.as_str())
        .fetch_optional(conn.connection())
        .await
        .map_err(Error::from)
}

/// Finds a user by id.
pub async fn find(conn: &mut PlatformConn, id: UserId) -> Result<Option<User>> {
    select!("FROM users WHERE id = $1", id.as_uuid())
        .fetch_optional(conn.connection())
        .await
        .map_err(Error::from)
}

/// Returns the organizations that a user is a member of, by slug.
pub async fn organizations(conn: &mut PlatformConn, user: UserId) -> Result<Vec<OrganizationId>> {
    Ok(sqlx::query_scalar!(
        "SELECT o.id FROM user_organizations u JOIN organizations o ON o.id = u.organization_id
          WHERE u.user_id = $1 ORDER BY o.slug",
        user.as_uuid()
    )
    .fetch_all(conn.connection())
    .await?
    .into_iter()
    .map(OrganizationId::from)
    .collect())
}

/// Locks this user's sign-up until the end of the transaction, after waiting for other transactions
/// that hold it: the second of two sign-ups of a user sees the result of the first.
///
/// # Errors
/// `Conflict` if `lock_timeout` expires.
pub async fn lock_sign_up(conn: &mut PlatformConn, user: UserId) -> Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('tenantctl sign-up ' || $1::uuid, 0))",
        user.as_uuid(),
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Reports whether a user is a member of an organization that is not deleted.
pub async fn belongs_somewhere(conn: &mut PlatformConn, user: UserId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM user_organizations u JOIN organizations o ON o.id = u.organization_id
                           WHERE u.user_id = $1 AND o.status <> 'deleted') AS "somewhere!""#,
        user.as_uuid()
    )
    .fetch_one(conn.connection())
    .await?)
}

/// A user in a list, with the number of organizations they are a member of.
#[derive(Clone, Debug)]
pub struct ListedUser {
    pub user: User,
    pub organizations: i64,
}

/// Streams the users with an address or name that contains `text`, by address.
pub fn stream(
    db: &Database,
    text: Option<String>,
    limit: Option<i64>,
) -> BoxStream<'static, Result<ListedUser>> {
    let db = db.clone();
    try_stream! {
        let mut conn = PlatformConn::open(&db)?;
        let pattern = text.as_deref().map(contains_pattern);
        let mut rows = sqlx::query!(
            r#"SELECT id, email AS "email: Email", name, created_at, updated_at,
                      (SELECT count(*) FROM user_organizations m WHERE m.user_id = u.id) AS "organizations!"
                 FROM users u
                WHERE $1::text IS NULL OR email ILIKE $1 OR name ILIKE $1
                ORDER BY email LIMIT $2"#,
            pattern,
            limit,
        )
        .fetch(conn.connection());
        while let Some(row) = rows.next().await {
            let row = row?;
            let user = User {
                id: row.id.into(),
                email: row.email,
                name: row.name,
                created_at: row.created_at,
                updated_at: row.updated_at,
            };
            yield ListedUser { user, organizations: row.organizations };
        }
    }
    .boxed()
}
