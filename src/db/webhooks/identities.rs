//! Granted identities: the organizations that hold a number, an agent or an instance.

use chrono::{DateTime, Utc};

use crate::{
    db::{PlatformConn, TenantTx, channels, stored},
    domain::{
        OrganizationId,
        channel::identity::{Identity, IdentityKind},
    },
    error::Result,
};

/// Reads the identity of a row.
pub(super) fn identity(kind: &str, value: String) -> Result<Identity> {
    let kind: IdentityKind = stored("channel_identities.kind", kind.parse())?;
    Ok(Identity { kind, value })
}

/// Returns kinds and values in parallel lists, for `unnest`.
pub(super) fn columns(identities: &[Identity]) -> (Vec<String>, Vec<String>) {
    let pairs = identities.iter();
    pairs
        .map(|one| (one.kind.as_str().to_owned(), one.value.clone()))
        .unzip()
}

/// Returns the identities that the organization holds.
pub async fn held(tx: &mut TenantTx) -> Result<Vec<Identity>> {
    sqlx::query!(
        "SELECT kind, value FROM channel_identities WHERE organization_id = $1 ORDER BY kind, value",
        tx.organization_id().as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(|row| identity(&row.kind, row.value))
    .collect()
}

/// Releases identities of the organization, and notifies the running servers. Returns the number
/// that it held.
pub async fn release(tx: &mut TenantTx, identities: &[Identity]) -> Result<u64> {
    let (kinds, values) = columns(identities);
    let released = sqlx::query!(
        "DELETE FROM channel_identities i USING unnest($2::text[], $3::text[]) AS gone (kind, value)
          WHERE i.organization_id = $1 AND i.kind = gone.kind AND i.value = gone.value",
        tx.organization_id().as_uuid(),
        &kinds,
        &values,
    )
    .execute(tx.connection())
    .await?
    .rows_affected();
    if released > 0 {
        channels::notify(tx, "*").await?;
    }
    Ok(released)
}

/// Returns the holders of these identities; those that no organization holds are omitted. One of
/// the few queries of a server across tenants.
pub async fn holders(
    conn: &mut PlatformConn,
    identities: &[Identity],
) -> Result<Vec<(Identity, OrganizationId)>> {
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    let (kinds, values) = columns(identities);
    sqlx::query!(
        "SELECT i.kind, i.value, i.organization_id FROM channel_identities i
           JOIN unnest($1::text[], $2::text[]) AS asked (kind, value)
             ON i.kind = asked.kind AND i.value = asked.value",
        &kinds,
        &values,
    )
    .fetch_all(conn.connection())
    .await?
    .into_iter()
    .map(|row| Ok((identity(&row.kind, row.value)?, row.organization_id.into())))
    .collect()
}

/// Grants an identity, and notifies the running servers. If two sessions grant it at the same time,
/// the second waits for the first and gets `false`, as it does if another organization already
/// holds the identity.
pub async fn grant(
    conn: &mut PlatformConn,
    organization: OrganizationId,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<bool> {
    let granted = sqlx::query!(
        "INSERT INTO channel_identities (organization_id, kind, value, granted_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        organization.as_uuid(),
        identity.kind.as_str(),
        identity.value,
        now,
    )
    .execute(conn.connection())
    .await?;
    if granted.rows_affected() == 0 {
        return Ok(false);
    }
    channels::notify_platform(conn, Some(organization)).await?;
    Ok(true)
}
