//! Endpoints.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    db::{TenantTx, channels, stored},
    domain::{
        OrganizationId,
        webhook_endpoint::{EndpointAddress, WebhookEndpoint},
    },
    error::{Error, Result},
};

struct EndpointRow {
    organization_id: Uuid,
    id: Uuid,
    channel: String,
    scheme: String,
    address: Vec<u8>,
    enabled: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<EndpointRow> for WebhookEndpoint {
    type Error = Error;

    fn try_from(row: EndpointRow) -> Result<Self> {
        let random: [u8; 16] = row
            .address
            .try_into()
            .map_err(|_| Error::failure("webhook_endpoints.address is not 16 bytes long"))?;
        let organization: OrganizationId = row.organization_id.into();
        Ok(Self {
            id: row.id,
            channel: stored("webhook_endpoints.channel", row.channel.parse())?,
            scheme: stored("webhook_endpoints.scheme", row.scheme.parse())?,
            address: EndpointAddress::from_stored(organization, random),
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Returns the endpoints of the organization, oldest first.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<WebhookEndpoint>> {
    sqlx::query_as!(
        EndpointRow,
        "SELECT organization_id, id, channel, scheme, address, enabled, created_at, updated_at
           FROM webhook_endpoints WHERE organization_id = $1 ORDER BY id",
        tx.organization_id().as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(WebhookEndpoint::try_from)
    .collect()
}

/// Finds an endpoint by id.
pub async fn find(tx: &mut TenantTx, id: Uuid) -> Result<Option<WebhookEndpoint>> {
    sqlx::query_as!(
        EndpointRow,
        "SELECT organization_id, id, channel, scheme, address, enabled, created_at, updated_at
           FROM webhook_endpoints WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id,
    )
    .fetch_optional(tx.connection())
    .await?
    .map(WebhookEndpoint::try_from)
    .transpose()
}

/// Finds the endpoint of an address, in the organization that the address names.
pub async fn find_by_address(
    tx: &mut TenantTx,
    address: &EndpointAddress,
) -> Result<Option<WebhookEndpoint>> {
    sqlx::query_as!(
        EndpointRow,
        "SELECT organization_id, id, channel, scheme, address, enabled, created_at, updated_at
           FROM webhook_endpoints WHERE organization_id = $1 AND address = $2",
        tx.organization_id().as_uuid(),
        &address.random(),
    )
    .fetch_optional(tx.connection())
    .await?
    .map(WebhookEndpoint::try_from)
    .transpose()
}

/// Adds an endpoint.
pub async fn insert(tx: &mut TenantTx, endpoint: &WebhookEndpoint) -> Result<()> {
    sqlx::query!(
        "INSERT INTO webhook_endpoints
                (organization_id, id, channel, scheme, address, enabled, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        tx.organization_id().as_uuid(),
        endpoint.id,
        endpoint.channel.as_str(),
        endpoint.scheme.as_str(),
        &endpoint.address.random(),
        endpoint.enabled,
        endpoint.created_at,
        endpoint.updated_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Enables or disables an endpoint, and notifies the running servers.
pub async fn set_enabled(
    tx: &mut TenantTx,
    id: Uuid,
    enabled: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_endpoints SET enabled = $3, updated_at = $4
          WHERE organization_id = $1 AND id = $2",
        tx.organization_id().as_uuid(),
        id,
        enabled,
        now,
    )
    .execute(tx.connection())
    .await?;
    tell_servers(tx).await
}

/// Notifies the running servers, when the transaction commits, that their cached endpoints of the
/// organization are outdated.
pub async fn tell_servers(tx: &mut TenantTx) -> Result<()> {
    channels::notify(tx, "webhooks").await
}
