//! Errors as clients see them: `application/problem+json` (RFC 9457), without internal details.

use axum::{
    Json,
    body::HttpBody,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use uuid::Uuid;

use crate::error::{Error, ErrorKind};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Seconds that a client is asked to wait before a retry.
const RETRY_AFTER: u32 = 5;

/// The result of a handler.
pub type Answer<T> = std::result::Result<T, Problem>;

/// The reason why a request failed.
///
/// The client sees the status, a stable code and, if the handler wrote one, a sentence of detail.
/// The cause is for the log.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Option<String>,
    retry_after: Option<u32>,
    cause: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Uuid>,
}

impl Problem {
    /// Returns a problem with a stable code of its own.
    pub const fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            detail: None,
            retry_after: None,
            cause: None,
        }
    }

    /// 400: the request is invalid.
    pub const fn bad_input() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_input")
    }

    /// 403: permission denied.
    pub const fn refused() -> Self {
        Self::new(StatusCode::FORBIDDEN, "refused")
    }

    /// 404: not found, or not visible to this caller.
    pub const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found")
    }

    /// 409: conflict with the current state.
    pub const fn conflict() -> Self {
        Self::new(StatusCode::CONFLICT, "conflict")
    }

    /// 413: the body is too large.
    pub const fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large")
    }

    /// 408: the request did not arrive in time.
    pub const fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow")
    }

    /// 503: retry later.
    pub const fn unavailable() -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        problem.retry_after = Some(RETRY_AFTER);
        problem
    }

    /// 500: internal error.
    pub const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    }

    /// Adds a detail for the client. It must not contain anything that this client may not know.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Asks the client to wait this number of seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn because(mut self, error: &Error) -> Self {
        let causes = error.causes();
        let texts = std::iter::once(error.to_string()).chain(causes);
        self.cause = Some(texts.collect::<Vec<_>>().join(": "));
        self
    }

    /// Returns the status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the cause, which is logged and must not reach the client.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    fn render(&self, request_id: Option<Uuid>) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail.as_deref(),
            request_id,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Messages for an operator must not reach a client, so only the kind is kept. A client can do
/// nothing about a database refusal: a conflict of two transactions is resolved by a retry, and a
/// missing privilege is an internal error.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = match (error.kind(), error.is_of_database()) {
            (ErrorKind::Unavailable, _) | (ErrorKind::Conflict, true) => Self::unavailable(),
            (_, true) => Self::internal(),
            (ErrorKind::BadInput, _) => Self::bad_input(),
            (ErrorKind::NotFound, _) => Self::not_found(),
            (ErrorKind::Conflict, _) => Self::conflict(),
            (ErrorKind::Refused, _) => Self::refused(),
            _ => Self::internal(),
        };
        problem.because(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}

/// Adds the request id to a problem, and converts plain-text refusals of the router itself to a
/// problem.
pub(super) fn finish(response: Response, request_id: Uuid) -> (Response, Option<Problem>) {
    let status = response.status();
    let is_failure = status.is_client_error() || status.is_server_error();
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None if is_failure && is_unformed(&response) => of_router(status),
        None => return (response, None),
    };
    let mut rendered = problem.render(Some(request_id));
    for (name, value) in response.headers() {
        // Headers such as the methods that a route allows.
        if !rendered.headers().contains_key(name) && *name != header::CONTENT_LENGTH {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    (rendered, Some(problem))
}

fn is_unformed(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    match content_type {
        Some(value) => value.as_bytes().starts_with(b"text/plain"),
        None => response.body().size_hint().exact() == Some(0),
    }
}

fn of_router(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(status, "method_not_allowed"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(status, "unsupported_media_type"),
        status if status.is_client_error() => Problem::new(status, "bad_input"),
        _ => Problem::internal(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;

    async fn read(response: Response) -> (StatusCode, Value) {
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn the_client_reads_the_kind_and_nothing_of_the_inside() {
        let secret = "password of db.internal";
        for (error, status) in [
            (Error::unavailable(secret), 503),
            (Error::bad_input(secret), 400),
            (Error::not_found(secret), 404),
            (Error::conflict(secret), 409),
            (Error::refused(secret), 403),
            (Error::failure(secret), 500),
            (Error::usage(secret), 500),
            (Error::refused(secret).of_database(), 500),
            (Error::conflict(secret).of_database(), 503),
        ] {
            let error = error.hint(secret).because(Error::failure(secret));
            let problem = Problem::from(error);
            assert!(problem.cause().unwrap().contains(secret));
            let (rendered, body) = read(problem.into_response()).await;
            assert_eq!(rendered.as_u16(), status);
            assert_eq!(body["status"], status);
            assert!(!body.to_string().contains("internal."), "{body}");
            assert!(!body.to_string().contains("password"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_problem_carries_the_id_of_its_request() {
        let id = Uuid::from_u128(7);
        let response = Problem::unavailable().into_response();
        let (response, _) = finish(response, id);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let (_, body) = read(response).await;
        assert_eq!(body["request_id"], id.to_string());
        assert_eq!(body["title"], "Service Unavailable");
    }

    #[tokio::test]
    async fn what_the_router_refuses_becomes_a_problem() {
        let refused = (StatusCode::PAYLOAD_TOO_LARGE, "length limit exceeded").into_response();
        let (response, problem) = finish(refused, Uuid::nil());
        assert!(problem.is_some());
        let (status, body) = read(response).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(body["code"], "too_large");

        let markup = [(header::CONTENT_TYPE, "text/xml")];
        let own = (StatusCode::FORBIDDEN, markup, "<Response/>").into_response();
        assert!(finish(own, Uuid::nil()).1.is_none(), "a handler's own form");
    }
}
