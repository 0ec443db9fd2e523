//! Protection of a database, which requires `--confirm` before data is destroyed.

use chrono::{DateTime, Utc};

use super::PlatformConn;
use crate::error::Result;

/// The protection of a database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Protection {
    /// A human-readable name, such as `production`.
    pub label: String,
    pub protected_at: DateTime<Utc>,
    /// The actor who protected it.
    pub protected_by: String,
}

/// Returns the protection; `None` without one, which includes a database without our schema.
///
/// # Errors
/// `Refused` for a role that may not read the table, because the answer is then unknown.
pub async fn find(conn: &mut PlatformConn) -> Result<Option<Protection>> {
    // Checked first: in a dry run, a failed statement would abort the transaction.
    let exists = sqlx::query_scalar!(
        r#"SELECT to_regclass('database_protection') IS NOT NULL AS "exists!""#
    )
    .fetch_one(conn.connection())
    .await?;
    if !exists {
        return Ok(None);
    }
    Ok(sqlx::query_as!(
        Protection,
        "SELECT label, protected_at, protected_by FROM database_protection"
    )
    .fetch_optional(conn.connection())
    .await?)
}

/// Protects the database, or changes the label.
pub async fn set(conn: &mut PlatformConn, protection: &Protection) -> Result<()> {
    sqlx::query!(
        "INSERT INTO database_protection (label, protected_at, protected_by) VALUES ($1, $2, $3)
         ON CONFLICT (only_row) DO UPDATE
            SET label = excluded.label, protected_at = excluded.protected_at,
                protected_by = excluded.protected_by",
        protection.label,
        protection.protected_at,
        protection.protected_by,
    )
    .execute(conn.connection())
    .await?;
    Ok(())
}

/// Removes the protection.
pub async fn clear(conn: &mut PlatformConn) -> Result<()> {
    sqlx::query!("DELETE FROM database_protection")
        .execute(conn.connection())
        .await?;
    Ok(())
}
