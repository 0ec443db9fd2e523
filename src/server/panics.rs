//! Panics: mistakes of ours, which must neither end the server nor tell anybody what was in it.

use std::{any::Any, panic};

use axum::{body::Body, http::Response, response::IntoResponse};
use tower_http::catch_panic::ResponseForPanic;

use super::{ServerState, problem::Problem};

/// What a client is answered whose request panicked.
#[derive(Clone, Debug)]
pub(super) struct Answer(pub(super) ServerState);

impl ResponseForPanic for Answer {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response<Body> {
        self.0.metrics.panicked();
        Problem::internal().into_response()
    }
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
