//! Which agents and numbers organizations say are theirs.

use uuid::Uuid;

use crate::{
    db::{PlatformConn, TenantTx},
    domain::{
        ChannelKind, ChannelSettings, OrganizationId,
        channel::identity::{self, IdentityKind},
    },
    error::Result,
};

/// Keeps the look-up in step with the settings of a channel, in the transaction that changed them.
///
/// # Errors
/// `Unavailable` when the connection is lost.
pub async fn replace(
    tx: &mut TenantTx,
    channel: ChannelKind,
    settings: &ChannelSettings,
) -> Result<()> {
    let organization = tx.organization_id().as_uuid();
    sqlx::query!(
        "DELETE FROM channel_identities i USING channel_configurations c
          WHERE i.organization_id = $1 AND c.organization_id = $1 AND c.channel = $2
            AND i.channel_id = c.id",
        organization,
        channel.as_str(),
    )
    .execute(tx.connection())
    .await?;
    let (kinds, values): (Vec<String>, Vec<String>) = identity::of(settings)
        .into_iter()
        .map(|(kind, value)| (kind.as_str().to_owned(), value))
        .unzip();
    if kinds.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO channel_identities (organization_id, channel_id, kind, value)
         SELECT $1, c.id, i.kind, i.value
           FROM channel_configurations c, unnest($3::text[], $4::text[]) i (kind, value)
          WHERE c.organization_id = $1 AND c.channel = $2
         ON CONFLICT DO NOTHING",
        organization,
        channel.as_str(),
        &kinds,
        &values,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The organizations that say it is theirs.
///
/// # Errors
/// `Unavailable` when the connection is lost.
pub async fn organizations(
    conn: &mut PlatformConn,
    kind: IdentityKind,
    value: &str,
) -> Result<Vec<OrganizationId>> {
    let rows: Vec<Uuid> = sqlx::query_scalar!(
        "SELECT DISTINCT organization_id FROM channel_identities WHERE kind = $1 AND value = $2 LIMIT 3",
        kind.as_str(),
        value,
    )
    .fetch_all(conn.connection())
    .await?;
    Ok(rows.into_iter().map(OrganizationId::from).collect())
}
