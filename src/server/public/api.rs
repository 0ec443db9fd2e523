//! The state of the public API: its cache and rate limits.

use std::sync::Arc;

use super::responses::Found;
use crate::{
    domain::widget::Named,
    server::{
        cache::{Cache, Caches},
        rates::{Quota, RateLimits},
        settings::Settings,
    },
};

/// Maximum number of cached organizations.
const KNOWN: usize = 20_000;

/// The state of the public API.
#[derive(Debug)]
pub(in crate::server) struct PublicApi {
    pub(super) organizations: Arc<Cache<Named, Found>>,
    pub(super) limits: RateLimits,
}

impl PublicApi {
    pub(in crate::server) fn new(caches: &Caches, settings: &Settings) -> Self {
        let limits = &settings.limits;
        Self {
            organizations: caches.cache("public_channels", KNOWN),
            limits: RateLimits::new(
                Quota::per_minute(limits.public_per_address),
                Quota::per_minute(limits.public_per_organization),
            ),
        }
    }
}
