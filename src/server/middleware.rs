//! Processing common to all requests, from the outside in: request id and log, timeout, panics.
//!
//! One service rather than a stack of layers: axum boxes each layer of a route separately and clones
//! all of them for every request.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    task::{Context, Poll},
};

use axum::{
    extract::{DefaultBodyLimit, Request},
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use tower::Service;

use super::{host, limits, observe::Seen, panics, problem::Problem, state::ServerState};

/// The common processing around a service.
#[derive(Clone, Debug)]
pub(super) struct RequestMiddleware<S> {
    state: ServerState,
    inner: S,
}

impl<S> RequestMiddleware<S> {
    pub(super) const fn new(state: ServerState, inner: S) -> Self {
        Self { state, inner }
    }
}

impl<S> Service<Request> for RequestMiddleware<S>
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let state = self.state.clone();
        let seen = Seen::begin(&state, &mut request);
        if !host::is_valid_host(&request) {
            state.metrics.refused("host");
            return Box::pin(
                async move { Ok(seen.answered(Problem::bad_input().into_response())) },
            );
        }
        // For a handler that reads a body without `read_body`.
        DefaultBodyLimit::max(state.settings.limits.body).apply(&mut request);
        // Handler code runs in the future: `call` only creates it.
        let answering = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        // A request that times out is dropped, and its transaction with it.
        let answering = tokio::time::timeout(state.settings.limits.request_time, answering);
        Box::pin(async move {
            let response = match answering.await {
                Ok(Ok(Ok(response))) => response.into_response(),
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(_panic)) => panics::answer(&state),
                Err(_elapsed) => limits::took_too_long(&state),
            };
            Ok(seen.answered(response))
        })
    }
}
