//! `POST /api/public/widget-session`: issues a visitor token to a website that may show the chat.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use uuid::Uuid;

use super::{
    cors,
    org_resolver::{Asked, Names, count_for, find},
    responses::{Found, Known},
};
use crate::{
    domain::widget::Named,
    server::{
        limits::read_body,
        problem::{Answer, Problem},
        state::ServerState,
    },
    services::widget,
};

/// Maximum bytes of a body that names an organization.
const MOST: usize = 4 * 1024;

/// The response to the widget.
#[derive(Serialize)]
struct SessionAnswer<'a> {
    token: &'a str,
    session: Uuid,
    expires_at: String,
    /// The URL for messages: it contains the organization, which a browser's access depends on.
    messages: String,
}

/// The organization is named in the URL, or in the body as `{"slug": …}` or `{"orgId": …}`.
pub(super) async fn begin(
    State(state): State<ServerState>,
    asked: Asked,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let origin = asked.origin.as_deref();
    match named(&state, &asked, &headers, body).await {
        Ok(named) => match find(&state, named.as_ref()).await {
            Ok(found) => {
                let known = found.as_deref().and_then(Found::known);
                let begun = answer(&state, origin, known);
                cors::finish(begun, origin, known)
            }
            Err(problem) => cors::finish(Err(problem), origin, None),
        },
        Err(problem) => cors::finish(Err(problem), origin, None),
    }
}

async fn named(
    state: &ServerState,
    asked: &Asked,
    headers: &HeaderMap,
    body: Body,
) -> Answer<Option<Named>> {
    if state.keys.is_none() {
        return Err(Problem::unavailable());
    }
    let body = read_body(state, headers, body, MOST).await?;
    if !asked.names.is_empty() {
        return asked.names.named();
    }
    let names: Names = serde_json::from_slice(&body).map_err(|_| {
        Problem::bad_input().detail("specify one organization: {\"slug\": …} or {\"orgId\": …}")
    })?;
    names.named()
}

/// The response is the same for an unknown organization, one without a chat, and a website that may
/// not show it.
fn answer(state: &ServerState, origin: Option<&str>, known: Option<&Known>) -> Answer<Response> {
    let keys = state.keys.as_deref().ok_or_else(Problem::unavailable)?;
    let (Some(origin), Some(known)) = (origin, known) else {
        state.metrics.refused("widget_origin");
        return Err(Problem::refused());
    };
    count_for(state, known.channel.organization)?;
    let Some(begun) = widget::begin(keys, &known.channel, origin, state.clock.now())? else {
        state.metrics.refused("widget_origin");
        return Err(Problem::refused());
    };
    let organization = known.channel.organization;
    let answer = SessionAnswer {
        token: begun.token.expose_secret(),
        session: begun.session,
        expires_at: shown(begun.expires_at),
        messages: format!("/api/public/messages?orgId={organization}"),
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(answer)).into_response())
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
