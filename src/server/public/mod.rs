//! `/api/public/…`: requests of a website's visitors, without a login.
//!
//! | route | answers |
//! |---|---|
//! | `GET org-lookup?slug=…` | the organization |
//! | `GET channel-config?orgId=…&channel=web` | the appearance of the chat on the website |
//! | `POST widget-session` | a token, for a website that may show the chat |
//! | `POST messages` | accepts a visitor's message, with the token |
//!
//! Each takes `slug=…` or `orgId=…`; a browser's preflight request (`OPTIONS`) uses the same URL,
//! from which the website's permission is determined.
//!
//! Always in this order: the rate limit of the address → the organization → its rate limit → the
//! response. A client that names no active organization learns nothing else.

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

/// Maximum number of cached organizations.
const KNOWN: usize = 20_000;

/// The state of the public API.
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

/// Looks up an active organization; `None` if there is none.
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
