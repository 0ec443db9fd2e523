//! The `[server]` section: what `tenantctl serve` listens on, and its limits.
//!
//! The doc comment of a field is its documentation, as in [`super::file`].

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Environment;
use super::secret_places::SecretPlaces;
use crate::domain::{channel::identity::ClaimPolicy, webhook::route::UnnamedIdentities};
use crate::error::Result;

/// What `tenantctl serve` listens on, what it trusts, and its limits. Its flags win over it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// The address and port to listen on; port 0 takes a free one. `none`: on no address, only on
    /// the Unix socket. TLS is the work of a proxy in front of it.
    pub listen: String,

    /// A Unix socket to listen on as well. A relative path starts at the directory of this file.
    /// Who can open it is trusted like the proxies of trusted_proxies.
    #[schemars(example = &"/run/tenantctl/http.sock")]
    pub unix_socket: Option<PathBuf>,

    /// The permissions of the Unix socket, in octal: 660 lets the group of the server in.
    pub unix_socket_mode: String,

    /// An address and port of its own for /metrics, /healthz and /readyz. Not set: /metrics is not
    /// served, unless public_metrics is true.
    #[schemars(example = &"127.0.0.1:9090")]
    pub metrics_listen: Option<String>,

    /// Serve /metrics with the rest, to everybody who reaches listen or unix_socket: only where a
    /// proxy keeps the path from strangers. Without effect where metrics_listen is set.
    pub public_metrics: bool,

    /// How the providers of the channels reach this server. Needed for endpoint URLs, and for
    /// signatures that cover the URL (Twilio).
    #[schemars(example = &"https://hooks.example.com")]
    pub public_url: Option<String>,

    /// The addresses or networks (10.0.0.0/8) of the proxies in front of this server. From them,
    /// and from nobody else, X-Forwarded-For and X-Request-Id are believed.
    pub trusted_proxies: Vec<String>,

    /// The URL of the role that requests are served as (`tenantctl db role server`), on the database
    /// that is served. TENANTCTL_TENANT_URL wins over it, and the private PostgreSQL has a role of
    /// its own. At most one of the four tenant_url options may be set; not set anywhere: requests
    /// are served with the rights of the owner, by SET ROLE.
    #[schemars(with = "Option<String>", example = &"postgres://tenantctl_server@db.example.com/app")]
    #[serde(
        serialize_with = "super::file::masked_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant_url: Option<SecretString>,

    /// A command that prints that URL as the first line of its output. It is run by `sh -c` and
    /// has 30 seconds.
    #[schemars(example = &"pass show clinic/server-url")]
    #[serde(
        serialize_with = "super::file::masked_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant_url_command: Option<String>,

    /// The environment variable that holds that URL.
    #[schemars(example = &"SERVER_DATABASE_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_env: Option<String>,

    /// A file whose first line is that URL. A relative path starts at the directory of this file.
    #[schemars(example = &"/run/secrets/server-url")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_url_file: Option<PathBuf>,

    /// How many connections to the database are open at once, at most. The requests for one
    /// organization have half of those at most that the workers leave.
    #[schemars(range(min = 2, max = 1_000))]
    pub database_connections: u32,

    /// For how many seconds a request waits for one of them before it is answered with 503.
    #[schemars(range(min = 1, max = 60))]
    pub database_wait_seconds: u32,

    /// How large the body of a request may be, in bytes. Receivers of providers that send more
    /// have a limit of their own.
    #[schemars(range(min = 1_024, max = 67_108_864))]
    pub max_body_bytes: u32,

    /// How large the head of a request (its first line and its headers) may be, in bytes.
    #[schemars(range(min = 1_024, max = 1_048_576))]
    pub max_header_bytes: u32,

    /// How many seconds the head of a request may take to arrive.
    #[schemars(range(min = 1, max = 600))]
    pub header_seconds: u32,

    /// How many seconds the body of a request may take to arrive.
    #[schemars(range(min = 1, max = 600))]
    pub body_seconds: u32,

    /// How many seconds a request may take in all, before it is answered with 503.
    #[schemars(range(min = 1, max = 600))]
    pub request_seconds: u32,

    /// How many seconds a connection may rest between two requests.
    #[schemars(range(min = 1, max = 3_600))]
    pub idle_seconds: u32,

    /// How many clients may be connected at once; further ones wait. The process must be allowed
    /// as many open files (ulimit -n).
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections: u32,

    /// How many connections one address (of IPv6: one network /64) may have. Proxies of
    /// trusted_proxies and the Unix socket may have all.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections_per_address: u32,

    /// How often one address (of IPv6: one network /64) may ask the public API in a minute; what is
    /// more is answered with 429. 0: as often as it likes. The Unix socket without a proxy has no
    /// address.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub public_per_address_per_minute: u32,

    /// How often all together may ask the public API for one organization in a minute. Each
    /// organization has this for itself. 0: as often as they like.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub public_per_organization_per_minute: u32,

    /// How often one address (of IPv6: one network /64) may send to /webhooks in a minute; what is more
    /// is answered with 429. Providers send for all their customers from a few addresses. 0: as often
    /// as it likes.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub webhooks_per_address_per_minute: u32,

    /// How many of them may be refused in a minute (no such endpoint, a wrong signature, a malformed
    /// body) before refusals are 429 without a reason. Requests with a valid signature are not
    /// affected: a stranger can have a provider send invalid ones from its address. 0: any number.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub webhook_refusals_per_address_per_minute: u32,

    /// How many seconds a stopping server has to finish what it took.
    #[schemars(range(min = 1, max = 600))]
    pub shutdown_seconds: u32,

    /// How many pieces of background work are done at once. Each uses a connection to the
    /// database.
    #[schemars(range(min = 1, max = 256))]
    pub workers: u32,

    /// The form of the log on stderr.
    pub log_format: LogFormat,

    /// What it needs that a tenant's own admin claims a telephone number, an agent or an instance by the
    /// settings of a channel. approved: the operator's approval (`tenantctl channel claim approve`). open:
    /// nothing, for platforms that verify elsewhere whose it is. What another organization holds is
    /// refused either way.
    pub claims: ClaimPolicy,

    /// What becomes of a webhook event that names a telephone number, an agent or an instance, where the
    /// organization of the endpoint has registered none. quarantine: the operator looks at it (`tenantctl
    /// webhook quarantine adopt` registers what it names). accept: it is taken as that organization's,
    /// provided that no other holds what it names.
    pub unnamed_identities: UnnamedIdentities,

    /// A command that prints what the identity provider signs sign-ups with (Standard Webhooks,
    /// such as the auth hooks of Supabase): whsec_…, several joined with |. It is run by `sh -c`
    /// and has 30 seconds. They are taken at /webhooks/sign-up; not set anywhere: they are not.
    #[schemars(example = &"pass show clinic/auth-hook")]
    #[serde(serialize_with = "super::file::masked_text")]
    pub sign_up_secret_command: Option<String>,

    /// The environment variable that has it.
    #[schemars(example = &"AUTH_HOOK_SECRET")]
    pub sign_up_secret_env: Option<String>,

    /// A file whose first line has it. A relative path starts at the directory of this file.
    #[schemars(example = &"/run/secrets/auth-hook")]
    pub sign_up_secret_file: Option<PathBuf>,
}

/// The form of the server's log.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a person to read.
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
    /// The value of `listen` that stands for no address.
    pub const NO_ADDRESS: &str = "none";

    /// What the identity provider signs sign-ups with; `None`: it is not listened to.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be had.
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

    /// The URL of the role that requests are served as; `None`: no option names it.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be had.
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

    /// The permissions of the Unix socket; `None` where the text is not octal, which is a mistake
    /// in the file.
    pub fn socket_mode(&self) -> Option<u32> {
        u32::from_str_radix(&self.unix_socket_mode, 8)
            .ok()
            .filter(|mode| *mode <= 0o777)
    }
}
