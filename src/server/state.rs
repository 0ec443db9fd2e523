//! What all requests share.

use std::{ops::Deref, sync::Arc};

use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    cache::Caches, health::Readiness, metrics::Metrics, public::PublicApi, run::Server,
    settings::Settings, turns::Turns, webhooks::Receivers,
};
use crate::{
    context::Clock,
    crypto::SealingKeys,
    db::{Database, Pool},
    domain::{Actor, channel::identity::ClaimPolicy},
    error::Result,
    services::Session,
    stop::Stop,
};

/// What handlers and workers stand on; cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerState(Arc<Shared>);

/// See [`ServerState`].
#[derive(Debug)]
pub struct Shared {
    pub settings: Settings,
    pub pool: Pool,
    /// The connections of the owner of the tables, where this server has any.
    pub owner: Option<Pool>,
    pub turns: Turns,
    pub clock: Clock,
    /// In whose name requests change things.
    pub actor: Actor,
    pub metrics: Metrics,
    pub caches: Caches,
    /// Asked when the server stops.
    pub stop: Stop,
    /// Wakes the workers before they look by themselves.
    pub work: Notify,
    /// Opens and seals stored secrets; `None`: there are none, and nothing that needs them is served.
    pub keys: Option<Arc<SealingKeys>>,
    pub receivers: Receivers,
    pub(super) public: PublicApi,
    pub(super) readiness: Readiness,
}

impl ServerState {
    /// The state of a server that was not started yet.
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

    /// A session for one request, on a connection of its own until it is dropped.
    ///
    /// # Errors
    /// `Unavailable` when no connection is to be had in time.
    pub async fn session(&self, request_id: Uuid) -> Result<Session> {
        Ok(self.session_on(self.pool.get().await?, request_id))
    }

    /// A session with the rights of the owner of the tables; `None`: this server has not got them.
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
