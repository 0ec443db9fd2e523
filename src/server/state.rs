//! State shared by all requests.

use std::{ops::Deref, sync::Arc};

use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use super::{
    cache::Caches,
    connection_limiter::{ConnectionLimiter, EntryPoint},
    inputs::{Roles, Server},
    metrics::Metrics,
    public::api::PublicApi,
    readiness::Readiness,
    settings::Settings,
    webhooks::receivers::Receivers,
};
use crate::{
    crypto::SealingKeys,
    db::{Database, Pool},
    domain::{Actor, OrganizationId, channel::identity::ClaimPolicy},
    error::{Error, Result},
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
    pub connections: ConnectionLimiter,
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
            connections: connection_limiter(server),
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

    /// Returns a connection for a request that is proven to be for an organization.
    ///
    /// # Errors
    /// `Unavailable` if none becomes free in time.
    pub async fn connection_for(&self, organization: OrganizationId) -> Result<Database> {
        let permits = self.connections.for_organization(organization);
        let who = || format!("requests of the organization {organization}");
        self.connect_with_permit(permits, who).await
    }

    /// Returns a connection to look up a name that is not cached yet.
    ///
    /// # Errors
    /// `Unavailable` if none becomes free in time.
    pub async fn connection_for_look_up(&self, entry_point: EntryPoint) -> Result<Database> {
        let who = match entry_point {
            EntryPoint::Public => "lookups of the public API",
            EntryPoint::Webhooks => "lookups of endpoints and tokens",
        };
        self.connect_with_permit(self.connections.for_entry_point(entry_point), || {
            who.to_owned()
        })
        .await
    }

    async fn connect_with_permit(
        &self,
        permits: Arc<Semaphore>,
        who: impl FnOnce() -> String,
    ) -> Result<Database> {
        let connecting = async {
            // The semaphore is never closed.
            let permit = permits.acquire_owned().await;
            let permit = permit.map_err(|_| Error::unavailable("the server is stopping"))?;
            self.pool.get_in_turn(permit).await
        };
        match tokio::time::timeout(self.pool.wait(), connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(self.pool.none_in_time(&who())),
        }
    }

    /// Returns the keys that decrypt secrets.
    ///
    /// # Errors
    /// `Unavailable` if there are none.
    pub(super) fn require_keys(&self) -> Result<&SealingKeys> {
        self.keys
            .as_deref()
            .ok_or_else(|| Error::unavailable("no secret keys are configured"))
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

/// Creates the limiter of the connections that are not reserved for background work.
fn connection_limiter(server: &Server) -> ConnectionLimiter {
    let workers = usize::try_from(server.settings.workers).unwrap_or(usize::MAX);
    let background = match server.roles {
        Roles { work: true, .. } => workers.saturating_add(server.mail_workers.len()),
        Roles { work: false, .. } => 0,
    };
    ConnectionLimiter::new(server.pool.most().saturating_sub(background) / 2)
}
