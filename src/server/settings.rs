//! Parsed settings of the `[server]` section.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use url::Url;

use crate::{
    config::ServerSection,
    domain::{Network, webhook::route::UnnamedIdentities},
    error::{Error, Result},
};

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address for requests; `None` for no TCP listener.
    pub listen: Option<SocketAddr>,
    pub unix_socket: Option<UnixSocket>,
    /// Address for the metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Serve the metrics on the public address if they have no address of their own.
    pub public_metrics: bool,
    /// URL at which the providers reach this server, without a trailing slash.
    pub public_url: Option<String>,
    /// Proxies with a trusted X-Forwarded-For header.
    pub trusted_proxies: Vec<Network>,
    pub limits: Limits,
    /// Treatment of events that name no identity, for an organization that has registered none.
    pub unnamed_identities: UnnamedIdentities,
    /// Time to finish accepted work at shutdown.
    pub shutdown: Duration,
    /// Number of concurrent background jobs; 0 if another process runs them.
    pub workers: u32,
}

/// A Unix socket, and the permissions of its file.
#[derive(Clone, Debug)]
pub struct UnixSocket {
    pub path: PathBuf,
    pub mode: u32,
}

/// Limits on the use of shared resources by one client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum bytes of a body.
    pub body: usize,
    /// Maximum bytes of the request line and the headers.
    pub head: usize,
    /// Time for the head to arrive.
    pub head_time: Duration,
    /// Time for the body to arrive.
    pub body_time: Duration,
    /// Total time of a request.
    pub request_time: Duration,
    /// Idle time of a connection between two requests.
    pub idle_time: Duration,
    pub connections: usize,
    pub connections_per_address: usize,
    /// Requests to the public API per minute; 0 means unlimited.
    pub public_per_address: u32,
    pub public_per_organization: u32,
    /// Requests to the webhook receivers per minute; 0 means unlimited.
    pub webhooks_per_address: u32,
    /// Refused webhook requests per minute.
    pub webhook_refusals_per_address: u32,
}

impl Settings {
    /// Parses a section, whose values may also come from flags.
    ///
    /// # Errors
    /// `Usage` for an invalid value; values in the file are validated when it is read.
    pub fn of(section: &ServerSection) -> Result<Self> {
        Ok(Self {
            listen: match section.listen.as_str() {
                ServerSection::NO_ADDRESS => None,
                text => Some(address(text)?),
            },
            unix_socket: section.unix_socket.as_ref().map(|path| UnixSocket {
                path: path.clone(),
                mode: section.socket_mode().unwrap_or(0o600),
            }),
            metrics_listen: section.metrics_listen.as_deref().map(address).transpose()?,
            public_metrics: section.public_metrics,
            public_url: section.public_url.as_deref().map(public_url).transpose()?,
            trusted_proxies: section
                .trusted_proxies
                .iter()
                .map(|text| text.parse())
                .collect::<Result<_>>()?,
            limits: Limits::of(section),
            unnamed_identities: section.unnamed_identities,
            shutdown: seconds(section.shutdown_seconds),
            workers: section.workers,
        })
    }
}

impl Limits {
    fn of(section: &ServerSection) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            body: size(section.max_body_bytes),
            head: size(section.max_header_bytes),
            head_time: seconds(section.header_seconds),
            body_time: seconds(section.body_seconds),
            request_time: seconds(section.request_seconds),
            idle_time: seconds(section.idle_seconds),
            connections: size(section.max_connections),
            connections_per_address: size(section.max_connections_per_address),
            public_per_address: section.public_per_address_per_minute,
            public_per_organization: section.public_per_organization_per_minute,
            webhooks_per_address: section.webhooks_per_address_per_minute,
            webhook_refusals_per_address: section.webhook_refusals_per_address_per_minute,
        }
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn address(text: &str) -> Result<SocketAddr> {
    text.parse().map_err(|_| {
        Error::usage(format!("`{text}` is not a valid address with a port"))
            .hint("use the form 127.0.0.1:8080, 0.0.0.0:80 or [::1]:8080")
    })
}

fn public_url(text: &str) -> Result<String> {
    Url::parse(text)
        .map(|url| url.as_str().trim_end_matches('/').to_owned())
        .map_err(|error| Error::usage(format!("`{text}` is not a valid public URL: {error}")))
}
