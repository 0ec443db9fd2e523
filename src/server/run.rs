//! Starting a server, and stopping it after accepted work is finished.

use std::{sync::Arc, time::Duration};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::task::JoinSet;

use super::{
    cache::listening,
    inputs::{Listening, Server},
    listen::{Acceptor, bind::Listeners},
    panics,
    routes::{metrics_router, router},
    settings::Limits,
    signals::Signals,
    state::ServerState,
    worker,
};
use crate::{
    error::{Error, Result},
    services::serving,
    stop::Stopper,
};

/// Time for the database connections to close after everything else has ended.
const CLOSING: Duration = Duration::from_secs(2);

/// Connection limit of the metrics address, independent of the public address.
const METRICS_CONNECTIONS: usize = 32;

/// Runs the server until SIGTERM or Ctrl-C, then finishes accepted work.
///
/// `opened` is called with the addresses once clients can connect.
///
/// # Errors
/// `Unavailable` or `Refused` if the database cannot be used, `Conflict` if another process listens,
/// `Failure` if requests were cut off at shutdown, `Interrupted` by a second signal.
pub async fn run(server: Server, opened: impl FnOnce(&Listening) -> Result<()>) -> Result<()> {
    let roles = server.roles;
    require_servable(&server).await?;
    let listeners = Listeners::open(&server.settings, roles.requests).await?;
    let mut signals = Signals::hear()?;
    panics::log_by_place();

    let (stopper, stop) = Stopper::new();
    let shutdown = server.settings.shutdown;
    let addresses = Listening {
        address: listeners.address,
        unix_socket: server
            .settings
            .unix_socket
            .as_ref()
            .filter(|_| roles.requests)
            .map(|socket| socket.path.clone()),
        metrics_address: listeners.metrics_address,
    };
    let state = ServerState::new(&server, stop);
    let graceful = Arc::new(GracefulShutdown::new());
    let accepting = accept(&state, listeners, &graceful);
    let mut working = JoinSet::new();
    working.spawn(listening::follow(state.clone()));
    if roles.work {
        working.spawn(worker::run(state.clone(), server.mail_workers));
    }
    opened(&addresses)?;
    tracing::info!(
        address = addresses.address.map(tracing::field::display),
        requests = roles.requests,
        work = roles.work,
        "serving"
    );

    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    stopper.stop();
    let finishing = async {
        // Stop accepting connections first, then finish the existing ones.
        accepting.join_all().await;
        let connected = async {
            if let Ok(graceful) = Arc::try_unwrap(graceful) {
                graceful.shutdown().await;
            }
        };
        let worked = async { while working.join_next().await.is_some() {} };
        tokio::join!(connected, worked);
    };
    tokio::select! {
        finished = tokio::time::timeout(shutdown, finishing) => {
            // Cutting off an idle keep-alive connection does no harm.
            let requests = state.metrics.in_flight.get();
            if finished.is_err() && (requests > 0 || !working.is_empty()) {
                return Err(cut_off(requests, shutdown));
            }
        }
        _ = signals.next() => return Err(Error::interrupted()),
    }
    let closing = async {
        state.pool.close().await;
        if let Some(owner) = &state.owner {
            owner.close().await;
        }
    };
    let _slow_to_close = tokio::time::timeout(CLOSING, closing).await;
    tracing::info!("stopped");
    Ok(())
}

/// Refuses a database that would not isolate tenants, and a request role with more privileges than
/// it should have.
async fn require_servable(server: &Server) -> Result<()> {
    let db = server.pool.get().await?;
    if let Some(named) = &server.tenant_url {
        let owner = match &server.owner {
            Some(pool) => Some(pool.get().await?),
            None => None,
        };
        serving::require_confined(&db, owner.as_ref(), named).await?;
    }
    serving::require_servable(&db).await
}

fn accept(
    state: &ServerState,
    listeners: Listeners,
    graceful: &Arc<GracefulShutdown>,
) -> JoinSet<()> {
    let mut accepting = JoinSet::new();
    let limits = state.settings.limits;
    let public = Acceptor::new(state, router(state.clone()), limits);
    for listener in listeners.public {
        accepting.spawn(Arc::clone(&public).accept(listener, Arc::clone(graceful)));
    }
    if let Some(listener) = listeners.metrics {
        let limits = Limits {
            connections: METRICS_CONNECTIONS,
            ..limits
        };
        let metrics = Acceptor::new(state, metrics_router(state.clone()), limits);
        accepting.spawn(metrics.accept(listener, Arc::clone(graceful)));
    }
    accepting
}

fn cut_off(requests: i64, shutdown: Duration) -> Error {
    Error::failure(format!(
        "shutdown timed out after {} s; requests cut off: {requests}",
        shutdown.as_secs()
    ))
    .hint("acknowledged events are stored and will be processed by the next server that starts")
    .hint("increase shutdown_seconds in the [server] section to allow more time")
}
