//! Permanently deleting an organization, with all its rows in all tables.

use sqlx::AssertSqlSafe;

use super::PlatformConn;
use crate::{
    confirm::Confirmed,
    domain::{Organization, OrganizationId, TableChange},
    error::{Error, Result},
};

/// The tenant tables, children before their parents. A test compares this list with the catalog, so
/// that a new table cannot be missed.
pub const TABLES: &[&str] = &[
    "webhook_jobs",
    "webhook_events",
    "webhook_secrets",
    "webhook_endpoints",
    "stream_tokens",
    "calls",
    "messages",
    "channel_usage",
    "channel_identities",
    "channel_claims",
    "access_log",
    "access_chains",
    "appointments",
    "schedules",
    "patient_name_parts",
    "patients",
    "providers",
    "operatories",
    "outbox_jobs",
    "outbox",
    "invitation_lookups",
    "user_organizations",
    "organization_invitations",
    "organization_members",
    "channel_configurations",
    "agent_configurations",
    "activity_log",
    "activity_chains",
    "organization_slugs",
];

/// Events of the platform's quarantine that are deleted with an organization: those received by its
/// endpoints, and the records of those that were assigned to it.
const QUARANTINED: &str = "quarantined_events";

/// Counts the rows that would be deleted, by table.
pub async fn count(
    conn: &mut PlatformConn,
    organization: OrganizationId,
) -> Result<Vec<TableChange>> {
    let mut counts = Vec::with_capacity(TABLES.len() + 1);
    for table in TABLES {
        // Safe: the names are the constants above.
        let sql = format!("SELECT count(*) FROM {table} WHERE organization_id = $1");
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(organization.as_uuid())
            .fetch_one(conn.connection())
            .await?;
        counts.push(deleted(table, rows));
    }
    let quarantined = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM quarantined_events
            WHERE endpoint_organization = $1 OR assigned_organization = $1"#,
        organization.as_uuid(),
    )
    .fetch_one(conn.connection())
    .await?;
    counts.push(deleted(QUARANTINED, quarantined));
    counts.push(deleted("organizations", 1));
    Ok(counts)
}

/// Returns the organization in its current state, locked until the end of the transaction.
pub async fn lock(
    conn: &mut PlatformConn,
    organization: OrganizationId,
) -> Result<Option<Organization>> {
    sqlx::query!(
        "SELECT FROM organizations WHERE id = $1 FOR UPDATE",
        organization.as_uuid()
    )
    .fetch_optional(conn.connection())
    .await?;
    super::organizations::find(conn, organization).await
}

/// Deletes all rows of the organization, and the organization itself. Takes a connection opened
/// with [`PlatformConn::begin_for`] for the same organization.
///
/// # Errors
/// `Refused` if the connecting role does not own the tables, `Conflict` if a row of another table
/// still refers to the organization.
pub async fn delete_all(
    conn: &mut PlatformConn,
    organization: OrganizationId,
    _confirmed: Confirmed,
) -> Result<Vec<TableChange>> {
    let mut gone = Vec::with_capacity(TABLES.len() + 1);
    for table in TABLES {
        // Safe: the names are the constants above.
        let sql = format!("DELETE FROM {table} WHERE organization_id = $1");
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(organization.as_uuid())
            .execute(conn.connection())
            .await?;
        gone.push(deleted(
            table,
            i64::try_from(done.rows_affected()).unwrap_or(i64::MAX),
        ));
    }
    let quarantined = sqlx::query!(
        "DELETE FROM quarantined_events WHERE endpoint_organization = $1 OR assigned_organization = $1",
        organization.as_uuid()
    )
    .execute(conn.connection())
    .await?;
    gone.push(deleted(
        QUARANTINED,
        i64::try_from(quarantined.rows_affected()).unwrap_or(i64::MAX),
    ));
    let root = sqlx::query!(
        "DELETE FROM organizations WHERE id = $1",
        organization.as_uuid()
    )
    .execute(conn.connection())
    .await?;
    if root.rows_affected() != 1 {
        return Err(Error::not_found("the organization was already purged"));
    }
    gone.push(deleted("organizations", 1));
    super::channels::notify_platform(conn, Some(organization)).await?;
    Ok(gone)
}

fn deleted(table: &str, rows: i64) -> TableChange {
    TableChange {
        table: table.to_owned(),
        inserted: 0,
        updated: 0,
        deleted: rows,
    }
}
