//! Serving of one connection.

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::io_timeouts::{IoTimeouts, TimedStream};
use crate::server::{client::Peer, metrics::Counted, settings::Limits, state::ServerState};

/// hyper's minimum; a head larger than [`Limits::head`] is refused even if it fits in this buffer.
const LEAST_BUFFER: usize = 8_192;

/// A client connection with its service and limits.
pub(super) struct Client {
    pub(super) state: ServerState,
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) peer: Peer,
}

impl Client {
    /// Answers one request after another until the client disconnects, is too slow, or the server stops.
    pub(super) async fn serve<S>(self, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let metrics = &self.state.metrics;
        let _connected = Counted::one(&metrics.connections);
        let timeouts = Arc::new(IoTimeouts::default());
        let io = TimedStream::new(stream, &timeouts, &self.limits, self.state.stop.clone());
        let (router, peer) = (self.router, self.peer);
        let service = service_fn(|mut request: Request<Incoming>| {
            timeouts.begin();
            request.extensions_mut().insert(peer);
            let answering = router.clone().oneshot(request.map(Body::new));
            let timeouts = Arc::clone(&timeouts);
            async move {
                let answered = answering.await;
                timeouts.end();
                answered
            }
        });
        let connection = http1::Builder::new()
            // Timeouts are enforced by `TimedStream`, which distinguishes a slow head from no head.
            .header_read_timeout(None)
            // The maximum number of headers stays at hyper's default of 100: if set, hyper allocates
            // room for them for every request.
            .max_header_size(self.limits.head)
            .max_buf_size(LEAST_BUFFER.max(self.limits.head * 2))
            .serve_connection(TokioIo::new(io), service);
        if let Err(error) = watcher.watch(connection).await {
            if error.is_parse_too_large() {
                metrics.refused("head_too_large");
            } else if error.is_parse() {
                metrics.refused("malformed");
            } else if timeouts.was_slow_head() {
                metrics.refused("head_too_slow");
            }
        }
    }
}
