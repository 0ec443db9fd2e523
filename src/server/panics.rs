//! Panics: mistakes of ours, which must neither end the server nor tell anybody what was in it.

use std::panic;

use axum::response::{IntoResponse, Response};

use super::{ServerState, problem::Problem};

/// What a client is answered whose request panicked.
pub(super) fn answer(state: &ServerState) -> Response {
    state.metrics.panicked();
    Problem::internal().into_response()
}

/// Has panics logged by their place. Not by their message: that may quote what a client sent.
pub(super) fn log_by_place() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        tracing::error!(
            place,
            "panic: this is a mistake in tenantctl; please report the place"
        );
    }));
}
