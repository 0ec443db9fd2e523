//! Taking connections: from an address, from a Unix socket, so many at once, and so many from one
//! address.

mod addresses;
mod bind;
mod connection;
mod pace;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};

use self::{addresses::Addresses, connection::Client};
use super::{ServerState, observe::Peer, settings::Limits};
pub(super) use bind::{Door, Doors};

/// How long to wait where no connection can be taken: as a rule all file descriptors are in use.
const PAUSE: Duration = Duration::from_millis(100);

/// Where requests come in, and what is done with them.
pub(super) struct Reception {
    state: ServerState,
    router: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    addresses: Addresses,
}

impl Reception {
    pub(super) fn new(state: &ServerState, router: Router, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            state: state.clone(),
            router,
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            addresses: Addresses::new(limits.connections_per_address),
        })
    }

    /// Takes connections until the server is asked to stop. Those that it took are watched by
    /// `graceful`.
    ///
    /// Where all places are taken nothing is accepted: further clients wait in the queue of the
    /// system. Time limits see to it that no place is held by a client that does nothing.
    pub(super) async fn accept(self: Arc<Self>, door: Door, graceful: Arc<GracefulShutdown>) {
        let stop = self.state.stop.clone();
        loop {
            let place = tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => place,
                () = stop.asked() => return,
            };
            let Ok(place) = place else {
                return;
            };
            let taken = tokio::select! {
                taken = door.accept() => taken,
                () = stop.asked() => return,
            };
            match taken {
                Ok(Taken::Tcp(stream, address)) => {
                    // Answers are small; waiting for more to send would only make them late.
                    let _slower = stream.set_nodelay(true);
                    self.receive(stream, Some(address), place, &graceful);
                }
                Ok(Taken::Unix(stream)) => self.receive(stream, None, place, &graceful),
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be taken");
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
        // All the world comes through a proxy.
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

/// A connection as the system gives it.
pub(super) enum Taken {
    Tcp(tokio::net::TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

/// The client was gone before it was taken.
fn is_of_the_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
