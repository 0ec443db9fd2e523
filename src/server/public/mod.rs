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

pub(super) mod api;
mod configuration;
mod cors;
mod frames;
mod messages;
mod org_resolver;
mod responses;
mod sessions;

use axum::{
    Router,
    routing::{get, post},
};

use super::state::ServerState;

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
