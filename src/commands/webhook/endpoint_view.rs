//! An endpoint, as shown by every command, without its secrets.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    app::App,
    domain::{
        ChannelKind, Organization,
        webhook::Scheme,
        webhook_endpoint::{SecretPurpose, WebhookEndpoint},
    },
    error::Result,
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    rfc3339,
    services::webhooks::endpoints::EndpointDetails,
};

/// An endpoint.
#[derive(Serialize)]
pub(super) struct EndpointView {
    pub id: String,
    pub channel: ChannelKind,
    pub scheme: Scheme,
    pub enabled: bool,
    /// The URL to configure at the provider; starts with `/` if no public_url is configured.
    pub url: String,
    pub secrets: Vec<SecretView>,
    #[serde(with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    #[serde(with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

/// Metadata of a secret, without its value.
#[derive(Serialize)]
pub(super) struct SecretView {
    purpose: SecretPurpose,
    #[serde(with = "rfc3339")]
    created_at: DateTime<Utc>,
    /// Expiry of a rotated-out secret; `null` for the current one.
    #[serde(with = "rfc3339::option")]
    accepted_until: Option<DateTime<Utc>>,
}

impl EndpointView {
    pub(super) fn new(
        app: &App,
        details: EndpointDetails,
        organization: &Organization,
    ) -> Result<Self> {
        let EndpointDetails { endpoint, secrets } = details;
        let secrets = secrets.into_iter().map(|secret| SecretView {
            purpose: secret.purpose,
            created_at: secret.created_at,
            accepted_until: secret.expires_at,
        });
        Ok(Self {
            id: endpoint.id.to_string(),
            url: url(app, &endpoint)?,
            channel: endpoint.channel,
            scheme: endpoint.scheme,
            enabled: endpoint.enabled,
            secrets: secrets.collect(),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            zone: organization.time_zone.tz(),
        })
    }

    pub(super) fn fields(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("Channel", style.bold(self.channel.as_str()))
            .field("Scheme", self.scheme.as_str())
            .field("Enabled", enabled_cell(&style, self.enabled))
            .field("Id", &self.id)
            .field("URL", &self.url);
        for secret in &self.secrets {
            let since = time(secret.created_at);
            let text = match secret.accepted_until {
                None => format!("in use since {since}"),
                Some(until) => format!("previous, accepted until {}", time(until)),
            };
            let label = match secret.purpose {
                SecretPurpose::Signing => "Secret",
                SecretPurpose::VerifyToken => "Verify token",
            };
            page.field(label, text);
        }
    }
}

/// The URL to configure at the provider.
pub(super) fn url(app: &App, endpoint: &WebhookEndpoint) -> Result<String> {
    let path = endpoint.address.path();
    Ok(match &app.config()?.server.public_url {
        Some(base) => format!("{}{path}", base.trim_end_matches('/')),
        None => path,
    })
}

/// A warning if the URL is only a path.
pub(super) fn without_public_url(url: &str) -> Option<String> {
    url.starts_with('/').then(|| {
        "public_url in the [server] section is not set: put the address of the server before this path"
            .to_owned()
    })
}

impl Record for EndpointView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "channel",
            "scheme",
            "enabled",
            "url",
            "secrets",
            "created_at",
            "updated_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["CHANNEL", "SCHEME", "ENABLED", "ID", "CREATED"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(self.channel.as_str()),
            self.scheme.as_str().into(),
            enabled_cell(style, self.enabled),
            self.id.as_str().into(),
            style.time(self.created_at, Some(self.zone)).into(),
        ]
    }
}

fn enabled_cell(style: &Style, enabled: bool) -> Cell {
    match enabled {
        true => style.ok("yes"),
        false => style.warn("no"),
    }
}

/// An endpoint after a change.
#[derive(Serialize)]
pub(super) struct ChangedEndpointView {
    #[serde(flatten)]
    pub endpoint: EndpointView,
    /// `false` if nothing changed.
    pub changed: bool,
    /// The verify token for Meta, generated now and shown once; `null` otherwise.
    pub verify_token: Option<String>,
    #[serde(skip)]
    pub said: String,
    #[serde(skip)]
    pub next: Vec<Hint>,
}

impl View for ChangedEndpointView {
    fn human(&self, page: &mut Page) {
        page.line(self.said.as_str()).blank();
        self.endpoint.fields(page);
        page.optional_field("Verify token", self.verify_token.as_ref());
    }

    fn next(&self) -> Vec<Hint> {
        self.next.clone()
    }

    fn warnings(&self) -> Vec<Hint> {
        without_public_url(&self.endpoint.url)
            .into_iter()
            .map(Hint::from)
            .collect()
    }
}
