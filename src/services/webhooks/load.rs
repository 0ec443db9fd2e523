//! Loading of the data that a server needs to verify and route requests to an endpoint.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::SEALED_FOR;
use crate::{
    crypto::SealingKeys,
    db::{
        self, Database, TenantTx,
        webhooks::{claims, endpoints, identities, secrets},
    },
    domain::{
        ChannelConfiguration, Organization, OrganizationStatus, ResolvedInstruction, instructions,
        webhook::route::Registered,
        webhook_endpoint::{EndpointAddress, SecretPurpose, WebhookEndpoint},
    },
    error::{Error, Result},
};

/// An endpoint with its opened secrets and its channel.
#[derive(Debug)]
pub struct LoadedEndpoint {
    pub organization: Organization,
    pub endpoint: WebhookEndpoint,
    secrets: Vec<OpenedSecret>,
    pub channel: ChannelConfiguration,
    pub instructions: Vec<ResolvedInstruction>,
    /// Identities registered by the organization, by which its events are recognized.
    pub registered: Registered,
    /// `true` if the channel is enabled and the organization active.
    pub live: bool,
}

#[derive(Debug)]
struct OpenedSecret {
    purpose: SecretPurpose,
    secret: SecretString,
    expires_at: Option<DateTime<Utc>>,
}

impl LoadedEndpoint {
    /// Returns the secrets for that purpose that are valid at `now`.
    pub fn secrets(&self, purpose: SecretPurpose, now: DateTime<Utc>) -> Vec<SecretString> {
        let is_good = |secret: &&OpenedSecret| {
            secret.purpose == purpose && secret.expires_at.is_none_or(|at| at > now)
        };
        let good = self.secrets.iter().filter(is_good);
        good.map(|secret| secret.secret.clone()).collect()
    }
}

/// Returns the endpoint with that address. `None`, without distinction, if it does not exist, is
/// disabled, or belongs to a deleted organization.
///
/// # Errors
/// `Unavailable` when the connection is lost; `Failure` if a secret cannot be opened.
pub async fn load(
    db: &Database,
    keys: &SealingKeys,
    address: &EndpointAddress,
    now: DateTime<Utc>,
) -> Result<Option<LoadedEndpoint>> {
    let mut tx = TenantTx::begin(db, address.organization_id()).await?;
    let Some(organization) = db::organizations::current(&mut tx).await? else {
        return Ok(None);
    };
    let found = endpoints::find_by_address(&mut tx, address).await?;
    let Some(endpoint) = found.filter(|endpoint| endpoint.enabled) else {
        return Ok(None);
    };
    if organization.status == OrganizationStatus::Deleted {
        return Ok(None);
    }
    let sealed = secrets::active(&mut tx, Some(endpoint.id), now).await?;
    let effective = db::channels::effective(&mut tx, endpoint.channel).await?;
    let registered = registered(&mut tx).await?;
    tx.commit().await?;
    let opened = sealed.into_iter().map(|secret| {
        let plain = keys.open(SEALED_FOR, organization.id, secret.id, &secret.sealed)?;
        let text = std::str::from_utf8(&plain)
            .map_err(|_| Error::failure("a stored secret is not valid text"))?;
        Ok(OpenedSecret {
            purpose: secret.purpose,
            secret: text.into(),
            expires_at: secret.expires_at,
        })
    });
    let secrets: Result<Vec<_>> = opened.collect();
    let instructions = instructions::resolve(
        &effective.channel.configuration,
        &effective.organization,
        &effective.platform,
    );
    Ok(Some(LoadedEndpoint {
        secrets: secrets?,
        endpoint,
        organization,
        instructions,
        registered,
        live: effective.live,
        channel: effective.channel.configuration,
    }))
}

/// Returns the identities registered by the organization.
pub(super) async fn registered(tx: &mut TenantTx) -> Result<Registered> {
    let held = identities::held(tx).await?;
    let claimed = claims::list(tx).await?.into_iter();
    Ok(Registered::new(held, claimed.map(|claim| claim.identity)))
}
