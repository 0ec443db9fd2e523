//! State shared by all requests.

use std::{ops::Deref, sync::Arc};

use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    cache::Caches, health::Readiness, metrics::Metrics, public::PublicApi, run::Server,
    settings::Settings, turns::Turns, webhooks::Receivers,
};
use crate::{
    crypto::SealingKeys,
    db::{Database, Pool},
    domain::{Actor, channel::identity::ClaimPolicy},
    error::Result,
    services::Session,
    stop::Stop,
    system::Clock,
};

/// Shared state of handlers and workers; cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerState(Arc<Shared>);

/// See [`ServerState`].
#[derive(Debug)]
pub struct Shared {
    pub settings: Settings,
    pub pool: Pool,
    /// The connections of the table owner, if this server has any.
    pub owner: Option<Pool>,
    pub turns: Turns,
    pub clock: Clock,
    /// The actor of changes made by requests.
    pub actor: Actor,
    pub metrics: Metrics,
    pub caches: Caches,
    /// Signals that the server is stopping.
    pub stop: Stop,
    /// Wakes the workers before their next poll.
    pub work: Notify,
    /// Encrypts and decrypts stored secrets; `None` if there are no keys: features that need them are
    /// then unavailable.
    pub keys: Option<Arc<SealingKeys>>,
    pub receivers: Receivers,
    pub(super) public: PublicApi,
    pub(super) readiness: Readiness,
}

impl ServerState {
    /// Creates the state of a server that has not started yet.
    pub fn new(server: &Server, stop: Stop) -> Self {
        let caches = Caches::default();
        Self(Arc::new(Shared {
            receivers: Receivers::new(
                &caches,
                server.sign_up_secrets.clone(),
                &server.settings.limits,
            ),
            public: PublicApi::new(&caches, &server.settings),
            keys: server.keys.clone(),
            settings: server.settings.clone(),
            turns: Turns::of(server),
            pool: server.pool.clone(),
            owner: server.owner.clone(),
            clock: server.clock,
            actor: server.actor.clone(),
            metrics: Metrics::new(),
            caches,
            stop,
            work: Notify::new(),
            readiness: Readiness::default(),
        }))
    }

    /// Opens a session for one request, with its own connection until it is dropped.
    pub async fn session(&self, request_id: Uuid) -> Result<Session> {
        Ok(self.session_on(self.pool.get().await?, request_id))
    }

    /// Opens a session with the privileges of the table owner; `None` if this server does not have
    /// them.
    pub async fn owner_session(&self, request_id: Uuid) -> Result<Option<Session>> {
        match &self.owner {
            Some(owner) => Ok(Some(self.session_on(owner.get().await?, request_id))),
            None => Ok(None),
        }
    }

    fn session_on(&self, db: Database, request_id: Uuid) -> Session {
        Session {
            db,
            actor: self.actor.clone(),
            clock: self.clock,
            request_id,
            mail: None,
            claims: ClaimPolicy::default(),
        }
    }
}

impl Deref for ServerState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
