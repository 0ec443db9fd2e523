//! Panics: internal errors, which must neither end the server nor disclose the data involved.

use std::panic;

use axum::response::{IntoResponse, Response};

use super::{problem::Problem, state::ServerState};

/// The response to a request whose handler panicked.
pub(super) fn answer(state: &ServerState) -> Response {
    state.metrics.panicked();
    Problem::internal().into_response()
}

/// Logs panics by location. The message is omitted: it may quote input from a client.
pub(super) fn log_by_place() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        tracing::error!(
            place,
            "panic: this is a bug in tenantctl; please report the location"
        );
    }));
}
