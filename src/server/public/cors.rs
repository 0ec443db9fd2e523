//! Websites that may read the responses (Fetch, section 3.3) and embed the chat in a frame (CSP).

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    asked::Asked,
    configuration::{Found, Known},
};
use crate::{
    domain::{channel::Origin, widget::PublicChannel},
    server::{Answer, ServerState},
};

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
    let found = super::find(&state, named.as_ref()).await?;
    let known = found.as_deref().and_then(Found::known);
    if let Some(known) = known {
        super::count_for(&state, known.channel.organization)?;
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

/// Websites that may embed the chat in a frame.
pub(super) fn frame_ancestors(channel: &PublicChannel) -> HeaderValue {
    // A host may contain a directive separator; such an origin is omitted.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":/.-_[]".contains(c);
    let origins: Vec<&str> = channel
        .allowed_origins
        .iter()
        .map(Origin::as_str)
        .filter(|origin| origin.chars().all(is_plain))
        .collect();
    let sources = match origins.is_empty() {
        true => "'none'".to_owned(),
        false => origins.join(" "),
    };
    HeaderValue::from_str(&format!("frame-ancestors {sources}"))
        .unwrap_or(HeaderValue::from_static("frame-ancestors 'none'"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn channel(origins: &[&str]) -> PublicChannel {
        PublicChannel {
            organization: Uuid::from_u128(1).into(),
            name: "Alpha".to_owned(),
            language: "en".parse().unwrap(),
            greeting: None,
            allowed_origins: origins.iter().map(|text| text.parse().unwrap()).collect(),
            version: 1,
        }
    }

    #[test]
    fn frames_are_for_the_websites_of_the_organization() {
        let policy = |origins: &[&str]| {
            let value = frame_ancestors(&channel(origins));
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(policy(&[]), "frame-ancestors 'none'");
        assert_eq!(
            policy(&["https://a.example", "http://localhost:3000"]),
            "frame-ancestors https://a.example http://localhost:3000"
        );
        let odd = policy(&["https://a;sandbox", "https://b.example"]);
        assert_eq!(odd, "frame-ancestors https://b.example");
    }
}
