//! What the `[server]` section means.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use url::Url;

use crate::{
    config::ServerSection,
    domain::{Network, webhook::route::UnnamedIdentities},
    error::{Error, Result},
};

/// How a server is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where requests are taken; `None`: not on an address.
    pub listen: Option<SocketAddr>,
    pub unix_socket: Option<UnixSocket>,
    /// Where the metrics are.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether the metrics are with the rest, where they have no address of their own.
    pub public_metrics: bool,
    /// How the providers reach this server, without a slash at its end.
    pub public_url: Option<String>,
    /// Whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<Network>,
    pub limits: Limits,
    /// What becomes of events that name no identity of an organization that has registered none.
    pub unnamed_identities: UnnamedIdentities,
    /// How long a stopping server finishes what it took.
    pub shutdown: Duration,
    /// How many pieces of background work are done at once; none: that is another process's.
    pub workers: u32,
}

/// A Unix socket, and the permissions of its file.
#[derive(Clone, Debug)]
pub struct UnixSocket {
    pub path: PathBuf,
    pub mode: u32,
}

/// What one client may take of what all share.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of the first line and the headers.
    pub head: usize,
    /// For the head to arrive.
    pub head_time: Duration,
    /// For the body to arrive.
    pub body_time: Duration,
    /// For a request in all.
    pub request_time: Duration,
    /// For a connection between two requests.
    pub idle_time: Duration,
    pub connections: usize,
    pub connections_per_address: usize,
    /// Requests to the public API in a minute; 0: any number.
    pub public_per_address: u32,
    pub public_per_organization: u32,
    /// Requests to the receivers in a minute; 0: any number.
    pub webhooks_per_address: u32,
    /// Those of them that are refused with a reason.
    pub webhook_refusals_per_address: u32,
}

impl Settings {
    /// Reads a section that may come from flags, too.
    ///
    /// # Errors
    /// `Usage` for what cannot be read; in the file it would have been a mistake.
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
        Error::usage(format!("`{text}` is not an address with a port"))
            .hint("write it as 127.0.0.1:8080, 0.0.0.0:80 or [::1]:8080")
    })
}

fn public_url(text: &str) -> Result<String> {
    Url::parse(text)
        .map(|url| url.as_str().trim_end_matches('/').to_owned())
        .map_err(|error| Error::usage(format!("the public URL `{text}` is no URL: {error}")))
}
