//! Limits of one request: body size and time. The limits of connections are in [`super::listen`].

use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{
    problem::{Answer, Problem},
    state::ServerState,
};

/// Reads the whole body as sent: at most `most` bytes, within the body timeout.
///
/// A body with a Content-Length above the limit is not read.
///
/// # Errors
/// 413, 408, or 400 if the connection or the encoding failed.
pub async fn read_body(
    state: &ServerState,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Answer<Bytes> {
    let refuse = |reason: &'static str, problem: Problem| {
        state.metrics.refused(reason);
        problem
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > most))
    {
        return Err(refuse("body_too_large", Problem::too_large()));
    }
    let reading = Limited::new(body, most).collect();
    match tokio::time::timeout(state.settings.limits.body_time, reading).await {
        Err(_) => Err(refuse("body_too_slow", Problem::too_slow())),
        Ok(Ok(read)) => Ok(read.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(refuse("body_too_large", Problem::too_large()))
        }
        Ok(Err(_)) => Err(refuse("body_broken", Problem::bad_input())),
    }
}

/// Returns 503 for a request that exceeded the time limit.
pub(super) fn took_too_long(state: &ServerState) -> Response {
    state.metrics.refused("request_too_slow");
    Problem::unavailable().into_response()
}
