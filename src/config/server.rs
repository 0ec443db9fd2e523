//! The `[server]` section: listeners and limits of `tenantctl serve`.
//!
//! The doc comment of a field is its documentation, as in [`super::file`].

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::secret_places::SecretPlaces;
use crate::domain::{channel::identity::ClaimPolicy, webhook::route::UnnamedIdentities};
use crate::error::Result;
use crate::system::Environment;

/// The addresses `tenantctl serve` listens on, the proxies it trusts, and its limits. Its flags
/// take precedence.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// The address and port to listen on; port 0 selects a free one. `none`: no address, only the
    /// Unix socket. TLS has to be terminated by a reverse proxy.
    pub listen: String,

    /// A Unix socket to listen on in addition. A relative path is relative to the directory of this
    /// file. Processes that can open it are trusted like the proxies in trusted_proxies.
    #[schemars(example = &"/run/tenantctl/http.sock")]
    pub unix_socket: Option<PathBuf>,

    /// The permissions of the Unix socket, in octal: 660 allows the group of the server.
    pub unix_socket_mode: String,

    /// A separate address and port for /metrics, /healthz and /readyz. Not set: /metrics is not
    /// served, unless public_metrics is true.
    #[schemars(example = &"127.0.0.1:9090")]
    pub metrics_listen: Option<String>,

    /// Serve /metrics on listen and unix_socket, too, without access control: use this only if a
    /// proxy blocks the path for strangers. Ignored if metrics_listen is set.
    pub public_metrics: bool,

    /// The URL at which the providers of the channels reach this server. Required for endpoint
    /// URLs, and for signatures that cover the URL (Twilio).
    #[schemars(example = &"https://hooks.example.com")]
    pub public_url: Option<String>,

    /// The addresses or networks (10.0.0.0/8) of the reverse proxies. X-Forwarded-For and
    /// X-Request-Id are trusted only from them.
    pub trusted_proxies: Vec<String>,

    /// The URL of the role that serves requests (`tenantctl db role server`), on the served
    /// database. TENANTCTL_TENANT_URL takes precedence, and the private PostgreSQL has a separate
    /// role. At most one of the four tenant_url options may be set; if none is set anywhere,
    /// requests are served with the rights of the owner, with SET ROLE.
    #[schemars(with = "Option<String>", example = &"postgres://tenantctl_server@db.example.com/app")]
    #[serde(
        serialize_with = "super::file::masked_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant_url: Option<SecretString>,

    /// A command that prints that URL on the first line of its output. It is run by `sh -c` with a
    /// time limit of 30 seconds.
    #[schemars(example = &"pass show clinic/server-url")]
    #[serde(
        serialize_with = "super::file::masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant_url_command: Option<String>,

    /// The environment variable that contains that URL.
    #[schemars(example = &"SERVER_DATABASE_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_env: Option<String>,

    /// A file with that URL on its first line. A relative path is relative to the directory of this
    /// file.
    #[schemars(example = &"/run/secrets/server-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_file: Option<PathBuf>,

    /// Maximum number of open connections to the database. Requests for one organization may use at
    /// most half of those that the workers leave.
    #[schemars(range(min = 2, max = 1_000))]
    pub database_connections: u32,

    /// Number of seconds that a request waits for a connection before it is answered with 503.
    #[schemars(range(min = 1, max = 60))]
    pub database_wait_seconds: u32,

    /// Maximum size of a request body, in bytes. Receivers for providers that send more have a
    /// separate limit.
    #[schemars(range(min = 1_024, max = 67_108_864))]
    pub max_body_bytes: u32,

    /// Maximum size of the head of a request (its first line and its headers), in bytes.
    #[schemars(range(min = 1_024, max = 1_048_576))]
    pub max_header_bytes: u32,

    /// Timeout for receiving the head of a request, in seconds.
    #[schemars(range(min = 1, max = 600))]
    pub header_seconds: u32,

    /// Timeout for receiving the body of a request, in seconds.
    #[schemars(range(min = 1, max = 600))]
    pub body_seconds: u32,

    /// Total timeout of a request, in seconds, after which it is answered with 503.
    #[schemars(range(min = 1, max = 600))]
    pub request_seconds: u32,

    /// Maximum idle time of a connection between two requests, in seconds.
    #[schemars(range(min = 1, max = 3_600))]
    pub idle_seconds: u32,

    /// Maximum number of connected clients; further ones wait. The process needs as many open files
    /// (ulimit -n).
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections: u32,

    /// Maximum number of connections per address (IPv6: per /64 network). The proxies in
    /// trusted_proxies and the Unix socket are exempt.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections_per_address: u32,

    /// Maximum number of requests per minute from one address (IPv6: one /64 network) to the public
    /// API; further requests are answered with 429. 0: unlimited. The Unix socket without a proxy
    /// has no address.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub public_per_address_per_minute: u32,

    /// Maximum number of requests per minute to the public API for one organization, from all
    /// addresses together. Each organization has its own limit. 0: unlimited.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub public_per_organization_per_minute: u32,

    /// Maximum number of requests per minute from one address (IPv6: one /64 network) to /webhooks;
    /// further requests are answered with 429. Providers send for all their customers from a few
    /// addresses. 0: unlimited.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub webhooks_per_address_per_minute: u32,

    /// Maximum number of those that may be refused per minute (unknown endpoint, invalid signature,
    /// malformed body) before refusals are 429 without a reason. Requests with a valid signature
    /// are not affected: a stranger can make a provider send invalid ones from its address. 0:
    /// unlimited.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub webhook_refusals_per_address_per_minute: u32,

    /// Number of seconds that a stopping server has to finish accepted requests.
    #[schemars(range(min = 1, max = 600))]
    pub shutdown_seconds: u32,

    /// Number of background jobs that run concurrently. Each uses a connection to the database.
    #[schemars(range(min = 1, max = 256))]
    pub workers: u32,

    /// The format of the log on stderr.
    pub log_format: LogFormat,

    /// The requirement for a tenant's admin to claim a telephone number, an agent or an instance
    /// through the settings of a channel. approved: the operator's approval (`tenantctl channel
    /// claim approve`). open: none, for platforms that verify ownership elsewhere. Identities
    /// claimed by another organization are refused either way.
    pub claims: ClaimPolicy,

    /// Handling of a webhook event that names a telephone number, an agent or an instance if the
    /// organization of the endpoint has registered none. quarantine: the operator reviews it
    /// (`tenantctl webhook quarantine adopt` registers the identities in it). accept: it is
    /// assigned to that organization, unless another one holds its identities.
    pub unnamed_identities: UnnamedIdentities,

    /// A command that prints the secret with which the identity provider signs sign-ups (Standard
    /// Webhooks, such as the auth hooks of Supabase): whsec_…, several joined with |. It is run by
    /// `sh -c` with a time limit of 30 seconds. Sign-ups are accepted at /webhooks/sign-up, and
    /// only if a secret is set.
    #[schemars(example = &"pass show clinic/auth-hook")]
    #[serde(serialize_with = "super::file::masked_text")]
    pub sign_up_secret_command: Option<String>,

    /// The environment variable that contains it.
    #[schemars(example = &"AUTH_HOOK_SECRET")]
    pub sign_up_secret_env: Option<String>,

    /// A file with it on its first line. A relative path is relative to the directory of this
    /// file.
    #[schemars(example = &"/run/secrets/auth-hook")]
    pub sign_up_secret_file: Option<PathBuf>,
}

/// The format of the server's log.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// Human-readable text.
    Text,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            unix_socket: None,
            unix_socket_mode: "660".to_owned(),
            metrics_listen: None,
            public_metrics: false,
            public_url: None,
            trusted_proxies: Vec::new(),
            tenant_url: None,
            tenant_url_command: None,
            tenant_url_env: None,
            tenant_url_file: None,
            database_connections: 10,
            database_wait_seconds: 3,
            max_body_bytes: 1_048_576,
            max_header_bytes: 16_384,
            header_seconds: 10,
            body_seconds: 10,
            request_seconds: 15,
            idle_seconds: 60,
            max_connections: 512,
            max_connections_per_address: 128,
            public_per_address_per_minute: 300,
            public_per_organization_per_minute: 6_000,
            webhooks_per_address_per_minute: 30_000,
            webhook_refusals_per_address_per_minute: 120,
            shutdown_seconds: 30,
            workers: 4,
            log_format: LogFormat::Json,
            claims: ClaimPolicy::default(),
            unnamed_identities: UnnamedIdentities::default(),
            sign_up_secret_command: None,
            sign_up_secret_env: None,
            sign_up_secret_file: None,
        }
    }
}

impl ServerSection {
    /// The value of `listen` for no address.
    pub const NO_ADDRESS: &str = "none";

    /// The secret with which the identity provider signs sign-ups; `None` if sign-ups are not
    /// accepted.
    pub fn sign_up_secret(&self, env: &Environment) -> Result<Option<SecretString>> {
        let places = SecretPlaces {
            owner: "[server]".to_owned(),
            option: "sign_up_secret",
            what: "secret",
            form: "whsec_…, several joined with |",
            command: self.sign_up_secret_command.as_deref(),
            variable: self.sign_up_secret_env.as_deref(),
            file: self.sign_up_secret_file.as_deref(),
        };
        places.read(env)
    }

    /// The URL of the role that serves requests; `None` if no option sets it.
    pub(super) fn read_tenant_url(&self, env: &Environment) -> Result<Option<SecretString>> {
        if let Some(url) = &self.tenant_url {
            return Ok(Some(url.clone()));
        }
        let places = SecretPlaces {
            owner: "[server]".to_owned(),
            option: "tenant_url",
            what: "URL",
            form: "postgres://USER@HOST/DATABASE",
            command: self.tenant_url_command.as_deref(),
            variable: self.tenant_url_env.as_deref(),
            file: self.tenant_url_file.as_deref(),
        };
        places.read(env)
    }

    /// The permissions of the Unix socket; `None` if the text is not octal, which is reported as a
    /// mistake in the file.
    pub fn socket_mode(&self) -> Option<u32> {
        u32::from_str_radix(&self.unix_socket_mode, 8)
            .ok()
            .filter(|mode| *mode <= 0o777)
    }
}
