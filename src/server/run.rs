//! Starting a server, and stopping it so that what it took is finished.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use hyper_util::server::graceful::GracefulShutdown;
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::{
    ServerState, cache,
    listen::{Doors, Reception},
    panics,
    routes::{metrics_router, router},
    settings::{Limits, Settings},
    signals::Signals,
    worker,
};
use crate::{
    context::Clock,
    crypto::SealingKeys,
    db::Pool,
    domain::Actor,
    error::{Error, Result},
    services::{outbox, serving},
    stop::Stopper,
};

/// How long the connections to the database have to close, after everything else has ended.
const CLOSING: Duration = Duration::from_secs(2);

/// How many may be connected to the address of the metrics, however many are to the other.
const METRICS_CONNECTIONS: usize = 32;

/// What a server is made from.
#[derive(Debug)]
pub struct Server {
    pub settings: Settings,
    pub roles: Roles,
    /// The connections of requests and workers.
    pub pool: Pool,
    /// Those of the owner of the tables, who makes organizations of sign-ups; `None`: another server
    /// does. The same as `pool` where requests have no role of their own.
    pub owner: Option<Pool>,
    /// Where the URL of `pool` was named, if it is not the owner's: its role is then looked at.
    pub tenant_url: Option<String>,
    pub clock: Clock,
    /// In whose name requests change things.
    pub actor: Actor,
    /// Opens and seals stored secrets.
    pub keys: Option<Arc<SealingKeys>>,
    /// What the identity provider signs sign-ups with; none: it is not listened to.
    pub sign_up_secrets: Vec<SecretString>,
    /// Send what the outbox holds; none: no mail server is configured.
    pub mail_workers: Vec<outbox::Worker>,
}

/// What this process does: several can share the work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Roles {
    /// It answers requests.
    pub requests: bool,
    /// It does the work behind them.
    pub work: bool,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub struct Listening {
    pub address: Option<SocketAddr>,
    pub unix_socket: Option<PathBuf>,
    pub metrics_address: Option<SocketAddr>,
}

/// Runs the server until it is told to stop, by SIGTERM or Ctrl-C, and has finished what it took.
///
/// `opened` is told where it listens, once a client can connect.
///
/// # Errors
/// `Unavailable` or `Refused` where the database cannot be used, `Conflict` where somebody else
/// listens, `Failure` when something was cut off at the end, `Interrupted` by a second signal.
pub async fn run(server: Server, opened: impl FnOnce(&Listening) -> Result<()>) -> Result<()> {
    let roles = server.roles;
    require_servable(&server).await?;
    let doors = Doors::open(&server.settings, roles.requests).await?;
    let mut signals = Signals::hear()?;
    panics::log_by_place();

    let (stopper, stop) = Stopper::new();
    let shutdown = server.settings.shutdown;
    let listening = Listening {
        address: doors.address,
        unix_socket: server
            .settings
            .unix_socket
            .as_ref()
            .filter(|_| roles.requests)
            .map(|socket| socket.path.clone()),
        metrics_address: doors.metrics_address,
    };
    let state = ServerState::new(&server, stop);
    let graceful = Arc::new(GracefulShutdown::new());
    let accepting = accept(&state, doors, &graceful);
    let mut working = JoinSet::new();
    working.spawn(cache::follow(state.clone()));
    if roles.work {
        working.spawn(worker::run(state.clone(), server.mail_workers));
    }
    opened(&listening)?;
    tracing::info!(
        address = listening.address.map(tracing::field::display),
        requests = roles.requests,
        work = roles.work,
        "serving"
    );

    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    stopper.stop();
    let finishing = async {
        // First nobody new, then those who are there.
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
            // A client that only kept its connection is cut off without harm.
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

/// Refuses a database on which no tenant would be isolated, and a role for requests that is stronger
/// than its name.
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

fn accept(state: &ServerState, doors: Doors, graceful: &Arc<GracefulShutdown>) -> JoinSet<()> {
    let mut accepting = JoinSet::new();
    let limits = state.settings.limits;
    let public = Reception::new(state, router(state.clone()), limits);
    for door in doors.public {
        accepting.spawn(Arc::clone(&public).accept(door, Arc::clone(graceful)));
    }
    if let Some(door) = doors.metrics {
        let limits = Limits {
            connections: METRICS_CONNECTIONS,
            ..limits
        };
        let metrics = Reception::new(state, metrics_router(state.clone()), limits);
        accepting.spawn(metrics.accept(door, Arc::clone(graceful)));
    }
    accepting
}

fn cut_off(requests: i64, shutdown: Duration) -> Error {
    Error::failure(format!(
        "not everything was finished in {} s; requests cut off: {requests}",
        shutdown.as_secs()
    ))
    .hint("what was acknowledged is in the database, and is done by the next server that starts")
    .hint("shutdown_seconds in the [server] section allows more time")
}
