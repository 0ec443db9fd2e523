//! The inputs of a server, and the addresses it reports.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use secrecy::SecretString;

use super::settings::Settings;
use crate::{crypto::SealingKeys, db::Pool, domain::Actor, services::outbox, system::Clock};

/// The inputs of a server.
#[derive(Debug)]
pub struct Server {
    pub settings: Settings,
    pub roles: Roles,
    /// Connections for requests and workers.
    pub pool: Pool,
    /// Connections of the table owner, which create organizations for sign-ups; `None` if another
    /// server does. The same as `pool` if requests have no role of their own.
    pub owner: Option<Pool>,
    /// The name of the setting of `pool`'s URL, if the role is not the owner: it is then checked.
    pub tenant_url: Option<String>,
    pub clock: Clock,
    /// The actor of changes made by requests.
    pub actor: Actor,
    /// Encrypts and decrypts stored secrets.
    pub keys: Option<Arc<SealingKeys>>,
    /// Secrets that verify sign-up events of the identity provider; empty if none are accepted.
    pub sign_up_secrets: Vec<SecretString>,
    /// Workers that send the outbox; empty if no mail server is configured.
    pub mail_workers: Vec<outbox::Worker>,
}

/// The roles of this process; several processes can share the work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Roles {
    /// Serve requests.
    pub requests: bool,
    /// Process background work.
    pub work: bool,
}

/// The addresses of a running server.
#[derive(Clone, Debug)]
pub struct Listening {
    pub address: Option<SocketAddr>,
    pub unix_socket: Option<PathBuf>,
    pub metrics_address: Option<SocketAddr>,
}
