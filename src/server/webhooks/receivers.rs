//! The state of the webhook receivers: caches, rate limits and secrets.

use std::sync::Arc;

use secrecy::SecretString;

use crate::{
    domain::{OrganizationId, channel::identity::Identity, webhook_endpoint::EndpointAddress},
    server::{
        cache::{Cache, Caches, OfOrganization},
        rates::{Quota, RateLimits},
        settings::Limits,
    },
    services::webhooks::LoadedEndpoint,
};

/// Maximum number of cached endpoints, and of cached holders.
const KNOWN: usize = 20_000;

/// The state of the webhook receivers.
#[derive(Debug)]
pub struct Receivers {
    pub(super) endpoints: Arc<Cache<EndpointAddress, Found>>,
    /// Holders of identities that events named at endpoints of organizations that do not hold them.
    pub(super) holders: Arc<Cache<Identity, Holder>>,
    /// Secrets that verify sign-up events of the identity provider; empty if none are accepted.
    pub(super) sign_up_secrets: Vec<SecretString>,
    /// Rate limits of addresses: for all requests, and for refused ones.
    pub(super) requests: RateLimits,
    pub(super) refusals: RateLimits,
}

/// The endpoint at an address; `None` if there is none.
#[derive(Debug)]
pub(super) struct Found(pub(super) Option<LoadedEndpoint>);

/// The organization that holds an identity.
#[derive(Debug)]
pub(super) struct Holder(pub(super) Option<OrganizationId>);

impl OfOrganization for Holder {
    fn organization(&self) -> Option<OrganizationId> {
        self.0
    }
}

impl OfOrganization for Found {
    fn organization(&self) -> Option<OrganizationId> {
        self.0.as_ref().map(|loaded| loaded.organization.id)
    }
}

impl Receivers {
    pub(in crate::server) fn new(
        caches: &Caches,
        sign_up_secrets: Vec<SecretString>,
        limits: &Limits,
    ) -> Self {
        let per_address = |number| RateLimits::new(Quota::per_minute(number), Quota::per_minute(0));
        Self {
            requests: per_address(limits.webhooks_per_address),
            refusals: per_address(limits.webhook_refusals_per_address),
            endpoints: caches.cache("webhook_endpoints", KNOWN),
            holders: caches.cache("channel_identities", KNOWN),
            sign_up_secrets,
        }
    }
}
