//! Memberships: the members of an organization and their roles.

use chrono::{DateTime, Utc};

use super::{TenantTx, is_unique_violation, organizations::contains_pattern, table::columns};
use crate::{
    domain::{Email, Role, UserId, member::Member},
    error::{Error, Result},
};

columns! {
    ($) select: Member;
    "id" "user_id" "email" "name" "role" "created_at" "updated_at"
}

/// Finds a member by user.
pub async fn find(tx: &mut TenantTx, user: UserId) -> Result<Option<Member>> {
    select!(
        "FROM organization_members WHERE organization_id = $1 AND user_id = $2",
        tx.organization_id().as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Finds a member by address.
pub async fn find_by_email(tx: &mut TenantTx, email: &Email) -> Result<Option<Member>> {
    select!(
        "FROM organization_members WHERE organization_id = $1 AND email = $2",
        tx.organization_id().as_uuid(),
        email.as_str(),
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::from)
}

/// Filter for [`list`].
#[derive(Clone, Debug, Default)]
pub struct MemberFilter {
    pub role: Option<Role>,
    /// Part of the address or name, case-insensitive.
    pub text: Option<String>,
    /// Maximum number of members; `None` for all.
    pub limit: Option<i64>,
}

/// Returns the members: owners first, then by address.
pub async fn list(tx: &mut TenantTx, filter: &MemberFilter) -> Result<Vec<Member>> {
    select!(
        "FROM organization_members
          WHERE organization_id = $1 AND ($2::text IS NULL OR role = $2)
            AND ($3::text IS NULL OR email ILIKE $3 OR name ILIKE $3)
          ORDER BY array_position(ARRAY['owner', 'admin', 'member', 'viewer'], role), email
          LIMIT $4",
        tx.organization_id().as_uuid(),
        filter.role.map(Role::as_str),
        filter.text.as_deref().map(contains_pattern),
        filter.limit,
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::from)
}

/// Counts the owners.
pub async fn count_owners(tx: &mut TenantTx) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM organization_members
            WHERE organization_id = $1 AND role = 'owner'"#,
        tx.organization_id().as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?)
}

/// Adds a member, and the platform's lookup entry from the user to the organization. Returns
/// `false` if the user is already a member.
pub async fn insert(tx: &mut TenantTx, member: &Member) -> Result<bool> {
    let organization = tx.organization_id().as_uuid();
    let inserted = sqlx::query!(
        "INSERT INTO organization_members
                (organization_id, id, user_id, email, name, role, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (organization_id, user_id) DO NOTHING",
        organization,
        member.id,
        member.user_id.as_uuid(),
        member.email.as_str(),
        member.name,
        member.role.as_str(),
        member.created_at,
        member.updated_at,
    )
    .execute(tx.connection())
    .await;
    match inserted {
        Ok(done) if done.rows_affected() == 0 => return Ok(false),
        Ok(_) => {}
        Err(error)
            if is_unique_violation(&error, "organization_members_organization_id_email_key") =>
        {
            return Err(Error::conflict(format!(
                "another member has the address {}",
                member.email
            )));
        }
        Err(error) => return Err(error.into()),
    }
    sqlx::query!(
        "INSERT INTO user_organizations (organization_id, user_id) VALUES ($1, $2)",
        organization,
        member.user_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(true)
}

/// Changes a member's role. Returns `false` if the member does not exist.
pub async fn set_role(
    tx: &mut TenantTx,
    user: UserId,
    role: Role,
    now: DateTime<Utc>,
) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE organization_members SET role = $3, updated_at = $4
          WHERE organization_id = $1 AND user_id = $2",
        tx.organization_id().as_uuid(),
        user.as_uuid(),
        role.as_str(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Removes a member; the platform's lookup entry is deleted with the row. Returns `false` if the
/// member does not exist.
pub async fn delete(tx: &mut TenantTx, user: UserId) -> Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM organization_members WHERE organization_id = $1 AND user_id = $2",
        tx.organization_id().as_uuid(),
        user.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(deleted.rows_affected() == 1)
}
