//! `/api/public/…`: what a visitor of a website may ask for, without a login.
//!
//! | route | answers |
//! |---|---|
//! | `GET org-lookup?slug=…` | which organization that is |
//! | `GET channel-config?orgId=…&channel=web` | what the chat on the website looks like |
//! | `POST widget-session` | a token, to a website that may show the chat |
//! | `POST messages` | takes what a visitor writes, with the token |
//!
//! Each takes `slug=…` or `orgId=…`; a browser asks beforehand (`OPTIONS`) with the same address, and
//! by it the answer is found whether its website may.
//!
//! Always in this order: the allowance of the address → which organization → its allowance → the
//! answer. Who names no organization that is active learns nothing else than that.

mod asked;
mod configuration;
mod cors;
mod messages;
mod sessions;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use super::{
    Answer, ClientAddress, Door, ServerState,
    cache::{Cache, Caches},
    rates::{Pace, RateLimits},
    settings::Settings,
};
use crate::{
    domain::{OrganizationId, widget::Named},
    services::widget,
};
use configuration::Found;

/// Organizations that are known at once.
const KNOWN: usize = 20_000;

/// What the public API remembers.
#[derive(Debug)]
pub(super) struct PublicApi {
    organizations: Arc<Cache<Named, Found>>,
    limits: RateLimits,
}

impl PublicApi {
    pub(super) fn new(caches: &Caches, settings: &Settings) -> Self {
        let limits = &settings.limits;
        Self {
            organizations: caches.cache("public_channels", KNOWN),
            limits: RateLimits::new(
                Pace::per_minute(limits.public_per_address),
                Pace::per_minute(limits.public_per_organization),
            ),
        }
    }
}

pub(super) fn routes() -> Router<ServerState> {
    Router::new()
        .route(
            "/api/public/org-lookup",
            get(configuration::look_up).options(cors::before_reading),
        )
        .route(
            "/api/public/channel-config",
            get(configuration::channel).options(cors::before_reading),
        )
        .route(
            "/api/public/widget-session",
            post(sessions::begin).options(cors::before_sending),
        )
        .route(
            "/api/public/messages",
            post(messages::receive).options(cors::before_sending),
        )
}

/// What there is to know of an active organization. `None`: there is nothing like that.
async fn find(state: &ServerState, named: Option<&Named>) -> Answer<Option<Arc<Found>>> {
    let Some(named) = named else {
        return Ok(None);
    };
    let api = &state.public;
    let load = || async {
        let db = state.connection_for_look_up(Door::Public).await?;
        let channel = widget::find(&db, named).await?;
        Found::of(channel)
    };
    let organizations = &api.organizations;
    let found = organizations.get_or(&state.metrics, named, load).await?;
    if found.known().is_some() {
        return Ok(Some(found));
    }
    let named = match named {
        Named::Slug(slug) => slug.clone(),
        Named::Id(id) => id.to_string(),
    };
    api.limits.check_nobody(&state.metrics, named)?;
    Ok(None)
}

/// Counts a request by its organization.
fn count_for(state: &ServerState, organization: OrganizationId) -> Answer<()> {
    let limits = &state.public.limits;
    limits.check_organization(&state.metrics, organization)
}

/// Counts a request by its address.
fn count(state: &ServerState, client: ClientAddress) -> Answer<()> {
    state.public.limits.check_address(&state.metrics, client)
}
