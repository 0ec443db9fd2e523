//! Websites that may read the responses (Fetch, section 3.3).

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    org_resolver::{Asked, count_for, find},
    responses::{Found, Known},
};
use crate::server::{problem::Answer, state::ServerState};

/// Headers that a website may send, and read in addition to the CORS-safelisted ones.
const SENT: HeaderValue = HeaderValue::from_static("authorization, content-type, if-none-match");
const READ: HeaderValue = HeaderValue::from_static("etag, retry-after, x-request-id");

const READING: HeaderValue = HeaderValue::from_static("GET, HEAD");
const SENDING: HeaderValue = HeaderValue::from_static("POST");

/// Seconds that a browser may cache a preflight response.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// `OPTIONS` of the read endpoints.
pub(super) async fn before_reading(state: State<ServerState>, asked: Asked) -> Answer<Response> {
    preflight(state, asked, READING).await
}

/// `OPTIONS` of the write endpoints.
pub(super) async fn before_sending(state: State<ServerState>, asked: Asked) -> Answer<Response> {
    preflight(state, asked, SENDING).await
}

/// The response to a preflight request. For a website that is not allowed it contains no
/// permission, the same as for an unknown organization.
async fn preflight(
    State(state): State<ServerState>,
    asked: Asked,
    methods: HeaderValue,
) -> Answer<Response> {
    let named = match asked.names.is_empty() {
        true => None,
        false => asked.names.named()?,
    };
    let found = find(&state, named.as_ref()).await?;
    let known = found.as_deref().and_then(Found::known);
    if let Some(known) = known {
        count_for(&state, known.channel.organization)?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    if allow(headers, asked.origin.as_deref(), known) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    Ok(response)
}

/// Allows a website to read the response if it is one of the organization's. Always declares that
/// the response varies by origin.
pub(super) fn allow(headers: &mut HeaderMap, origin: Option<&str>, known: Option<&Known>) -> bool {
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    let allowed = origin.filter(|origin| known.is_some_and(|known| known.channel.allows(origin)));
    let Some(value) = allowed.and_then(|origin| HeaderValue::from_str(origin).ok()) else {
        return false;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    true
}

/// Completes a response, including a refusal: the website can read the reason.
pub(super) fn finish(
    answer: Answer<Response>,
    origin: Option<&str>,
    known: Option<&Known>,
) -> Response {
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    allow(response.headers_mut(), origin, known);
    response
}
