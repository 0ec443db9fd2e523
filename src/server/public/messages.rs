//! `POST /api/public/messages`: a visitor's message, sent with the token of the session.
//!
//! The token alone determines the organization and the configuration; no other input from the client
//! does.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    cors,
    org_resolver::{Asked, count_for, find},
    responses::{Found, Known},
};
use crate::{
    crypto::SealingKeys,
    domain::widget::{SessionClaims, VisitorMessage},
    server::{
        limits::read_body,
        problem::{Answer, Problem},
        state::ServerState,
    },
    services::widget,
};

/// Bytes of a message: its longest text, with every character escaped as two units of six bytes.
const MOST: usize = 64 * 1024;

/// The confirmation that a message was accepted.
#[derive(Serialize)]
struct MessageAnswer {
    id: String,
    /// The widget should reload its configuration and start a new session.
    configuration_changed: bool,
}

/// The organization in the URL is for the browser's preflight request; it must match the token's.
pub(super) async fn receive(
    State(state): State<ServerState>,
    asked: Asked,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let origin = asked.origin.as_deref();
    let named = match asked.names.is_empty() {
        true => Ok(None),
        false => asked.names.named(),
    };
    let found = match named {
        Ok(named) => find(&state, named.as_ref()).await,
        Err(problem) => Err(problem),
    };
    match found {
        Ok(found) => {
            let known = found.as_deref().and_then(Found::known);
            let taken = take(&state, &asked, known, &headers, body).await;
            cors::finish(taken, origin, known)
        }
        Err(problem) => cors::finish(Err(problem), origin, None),
    }
}

async fn take(
    state: &ServerState,
    asked: &Asked,
    known: Option<&Known>,
    headers: &HeaderMap,
    body: Body,
) -> Answer<Response> {
    let keys = state.keys.as_deref().ok_or_else(Problem::unavailable)?;
    let Some(claims) = session(state, keys, asked, known, headers) else {
        return Ok(no_session(state));
    };
    count_for(state, claims.organization)?;
    let body = read_body(state, headers, body, MOST).await?;
    let message: VisitorMessage = serde_json::from_slice(&body).map_err(|_| {
        Problem::bad_input().detail("expected {\"id\": \"1\", \"text\": \"Hello\"}")
    })?;
    // The text of the rule is ours; it repeats nothing of the message.
    message
        .check()
        .map_err(|error| Problem::bad_input().detail(error.to_string()))?;
    let id = message.id.clone();
    let db = state.connection_for(claims.organization).await?;
    let taken = widget::receive(&db, &claims, message, state.clock.now()).await?;
    drop(db);
    let Some(taken) = taken else {
        return Ok(no_session(state));
    };
    if taken.is_new {
        state.work.notify_one();
    }
    let answer = MessageAnswer {
        id,
        configuration_changed: taken.configuration_changed,
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::ACCEPTED, no_store, Json(answer)).into_response())
}

/// The session of the token: started on the requesting website, for the organization in the URL.
fn session(
    state: &ServerState,
    keys: &SealingKeys,
    asked: &Asked,
    known: Option<&Known>,
    headers: &HeaderMap,
) -> Option<SessionClaims> {
    let claims = widget::verify(keys, bearer(headers)?, state.clock.now())?;
    let is_of_address = match known {
        Some(known) => known.channel.organization == claims.organization,
        None => asked.names.is_empty(),
    };
    let is_of_website = asked.origin.as_deref() == Some(claims.origin.as_str());
    (is_of_address && is_of_website).then_some(claims)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// No token, an invalid or expired one, or one of an organization without a chat: the widget starts
/// a new session, or gives up.
fn no_session(state: &ServerState) -> Response {
    state.metrics.refused("widget_token");
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "no_session");
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    response
}
