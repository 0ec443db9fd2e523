//! Accepting connections from a TCP address or a Unix socket, with limits in total and per address.

mod addresses;
pub(super) mod bind;
mod connection;
mod io_timeouts;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};

use super::{client::Peer, settings::Limits, state::ServerState};
use addresses::Addresses;
use bind::{Accepted, Listener};
use connection::Client;

/// Delay after a failed accept, usually because all file descriptors are in use.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts requests on the listening sockets and serves them.
pub(super) struct Acceptor {
    state: ServerState,
    router: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    addresses: Addresses,
}

impl Acceptor {
    pub(super) fn new(state: &ServerState, router: Router, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            state: state.clone(),
            router,
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            addresses: Addresses::new(limits.connections_per_address),
        })
    }

    /// Accepts connections until the server is asked to stop. `graceful` watches the accepted ones.
    ///
    /// At the connection limit nothing is accepted: further clients wait in the backlog of the
    /// operating system. Timeouts ensure that an idle client does not keep its connection.
    pub(super) async fn accept(
        self: Arc<Self>,
        listener: Listener,
        graceful: Arc<GracefulShutdown>,
    ) {
        let stop = self.state.stop.clone();
        loop {
            let place = tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => place,
                () = stop.asked() => return,
            };
            let Ok(place) = place else {
                return;
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.asked() => return,
            };
            match accepted {
                Ok(Accepted::Tcp(stream, address)) => {
                    // Answers are small; waiting for more data would only delay them.
                    let _slower = stream.set_nodelay(true);
                    self.receive(stream, Some(address), place, &graceful);
                }
                Ok(Accepted::Unix(stream)) => self.receive(stream, None, place, &graceful),
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    self.state.metrics.refused("accept_failed");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn receive<S>(
        self: &Arc<Self>,
        stream: S,
        address: Option<SocketAddr>,
        place: tokio::sync::OwnedSemaphorePermit,
        graceful: &GracefulShutdown,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let address = address.map(|address| address.ip().to_canonical());
        let trusted = &self.state.settings.trusted_proxies;
        // Trusted proxies are exempt: they carry the connections of many clients.
        let counted =
            address.filter(|address| !trusted.iter().any(|network| network.contains(*address)));
        let Some(guest) = self.addresses.enter(counted) else {
            self.state.metrics.refused("connections_per_address");
            return;
        };
        let client = Client {
            state: self.state.clone(),
            router: self.router.clone(),
            limits: self.limits,
            peer: Peer(address),
        };
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            client.serve(stream, watcher).await;
            drop((guest, place));
        });
    }
}

/// `true` if the client disconnected before it was accepted.
fn is_of_the_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
