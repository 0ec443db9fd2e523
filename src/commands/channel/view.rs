//! Output of the verbs of `channel`.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::claim;
use crate::{
    commands::{
        changes::{self, KeyChange, brief},
        views::channel_state_cell,
    },
    db::channels::StoredChannel,
    domain::{
        AiBackend, ChannelConfiguration, ChannelKind, ChannelSettings, DataIntegration,
        Organization, OrganizationStatus,
        channel::{
            identity::{ClaimStatus, IdentityKind},
            key::settings_of,
        },
    },
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    rfc3339, run,
    services::{channels::ChannelChange, claims::Standing},
};

/// The fields of `channel show -o json` that are not part of the configuration: `channel set`
/// ignores them.
pub(super) const NOT_CONFIGURATION: &[&str] = &[
    "schema_version",
    "organization",
    "live",
    "effective_model",
    "version",
    "updated_at",
    "warnings",
    "resolved_instructions",
    "claims",
];

/// A channel, for display.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ChannelView {
    /// The slug of the organization.
    organization: String,
    pub(super) channel: ChannelKind,
    enabled: bool,
    /// `true` if the channel is enabled and the organization is active.
    live: bool,
    ai_backend: AiBackend,
    /// `None` for the backend's default, which is in `effective_model`.
    model: Option<String>,
    effective_model: String,
    /// The channel's own instructions; `None` if it uses those of the layers below.
    instructions: Option<String>,
    data_integrations: Vec<DataIntegration>,
    settings: ChannelSettings,
    version: i64,
    #[serde(with = "rfc3339")]
    updated_at: DateTime<Utc>,
    warnings: Vec<String>,
    #[serde(skip)]
    status: OrganizationStatus,
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl ChannelView {
    pub(super) fn new(organization: &Organization, stored: StoredChannel) -> Self {
        let warnings = stored.configuration.warnings();
        let effective_model = stored.configuration.effective_model().to_owned();
        let ChannelConfiguration {
            kind,
            enabled,
            ai_backend,
            model,
            instructions,
            data_integrations,
            settings,
        } = stored.configuration;
        Self {
            organization: organization.slug.to_string(),
            channel: kind,
            enabled,
            live: enabled && organization.status == OrganizationStatus::Active,
            ai_backend,
            model,
            effective_model,
            instructions,
            data_integrations,
            settings,
            version: stored.version,
            updated_at: stored.updated_at,
            warnings,
            status: organization.status,
            zone: organization.time_zone.tz(),
        }
    }

    pub(super) fn warnings(&self) -> Vec<Hint> {
        let channel = self.channel;
        let warnings = self.warnings.iter();
        warnings
            .map(|warning| format!("channel {channel}: {warning}").into())
            .collect()
    }

    /// Adds every key, under the name used by `channel set`.
    pub(super) fn fields(&self, page: &mut Page) {
        let style = page.style();
        let model = match &self.model {
            Some(model) => Cell::from(model),
            None => format!("{} (the backend's default)", self.effective_model).into(),
        };
        let integrations: Vec<_> = self.data_integrations.iter().map(|i| i.as_str()).collect();
        page.field("Channel", style.bold(self.channel.as_str()))
            .field("Organization", &self.organization)
            .field("State", self.state(&style))
            .field("ai_backend", self.ai_backend.as_str())
            .field("model", model)
            .field("data_integrations", listed(&integrations));
        let settings = self.settings.to_json();
        for key in settings_of(self.channel) {
            let value = &settings[key.name];
            let cell = if value.is_null() || *value == serde_json::json!([]) {
                Cell::optional(None::<&str>)
            } else {
                brief(value).into()
            };
            page.field(key.name, cell);
        }
        let changed = style.time(self.updated_at, Some(self.zone));
        page.field("Changed", format!("{changed}, version {}", self.version));
    }

    fn state(&self, style: &Style) -> Cell {
        channel_state_cell(style, self.enabled, self.status, self.warnings.len())
    }
}

fn listed(names: &[&str]) -> Cell {
    Cell::optional((!names.is_empty()).then(|| names.join(", ")))
}

impl Record for ChannelView {
    fn fields() -> &'static [&'static str] {
        &[
            "organization",
            "channel",
            "enabled",
            "live",
            "ai_backend",
            "model",
            "effective_model",
            "instructions",
            "data_integrations",
            "settings",
            "version",
            "updated_at",
            "warnings",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["CHANNEL", "STATE", "AI BACKEND", "MODEL", "INSTRUCTIONS"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(self.channel.as_str()),
            self.state(style),
            self.ai_backend.as_str().into(),
            self.effective_model.as_str().into(),
            match self.instructions {
                Some(_) => "its own".into(),
                None => style.dim("inherited"),
            },
        ]
    }
}

/// Status of the claim to a number, agent or instance in the settings.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ClaimLine {
    kind: IdentityKind,
    value: String,
    status: ClaimStatus,
}

impl ClaimLine {
    pub(super) fn all(claims: Standing) -> Vec<Self> {
        let claims = claims.into_iter();
        claims
            .map(|(identity, status)| Self {
                kind: identity.kind,
                value: identity.value,
                status,
            })
            .collect()
    }

    pub(super) fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            self.kind.as_str().into(),
            self.value.as_str().into(),
            claim::status_cell(style, self.status),
        ]
    }

    /// Returns a warning if the claim is not granted: the channel does not respond for the identity
    /// then.
    pub(super) fn warning(&self, channel: ChannelKind) -> Option<Hint> {
        let Self { kind, value, .. } = self;
        let why = match self.status {
            ClaimStatus::Granted => return None,
            ClaimStatus::Pending => "its claim waits for the operator's approval",
            ClaimStatus::Rejected => "the operator rejected its claim",
            ClaimStatus::Released => "the operator released it",
            ClaimStatus::Dormant => "the organization is deleted",
        };
        Some(format!("channel {channel} does not answer for {kind} {value}: {why}").into())
    }
}

/// Result of a change of a channel.
#[derive(Serialize)]
pub(super) struct ChangedView {
    /// `false` if nothing changed.
    changed: bool,
    changes: Vec<KeyChange>,
    #[serde(flatten)]
    channel: ChannelView,
    /// Status of the claims to the identities in the settings.
    claims: Vec<ClaimLine>,
    #[serde(skip)]
    verb: &'static str,
    #[serde(skip)]
    next: Vec<Hint>,
}

impl ChangedView {
    pub(super) fn new(change: ChannelChange, verb: &'static str) -> Self {
        let changes = KeyChange::between(
            &change.before.configuration.to_json(),
            &change.after.configuration.to_json(),
        );
        let channel = ChannelView::new(&change.organization, change.after);
        let next = undo(channel.channel, &channel.organization, &changes);
        Self {
            changed: !changes.is_empty(),
            changes,
            claims: ClaimLine::all(change.claims),
            channel,
            verb,
            next,
        }
    }
}

/// Returns the commands that restore the old values, and the place of values too long for a
/// command.
fn undo(kind: ChannelKind, organization: &str, changes: &[KeyChange]) -> Vec<Hint> {
    if let [KeyChange { key, after, .. }] = changes
        && key == "enabled"
    {
        let verb = if after == true { "disable" } else { "enable" };
        return vec![run!["channel", verb, kind, "--org", organization].labeled("undo")];
    }
    let words: Vec<_> = changes.iter().filter_map(KeyChange::put_back).collect();
    let mut next = Vec::new();
    if !words.is_empty() {
        next.push(
            run!["channel", "set", kind]
                .args(words)
                .args(["--org", organization])
                .labeled("undo"),
        );
    }
    if words_missing(changes) {
        next.push(
            run![
                "activity",
                "list",
                "--action",
                "channel.update",
                "--object",
                kind,
                "--org",
                organization
            ]
            .labeled("the text before"),
        );
    }
    next
}

fn words_missing(changes: &[KeyChange]) -> bool {
    changes.iter().any(|change| change.put_back().is_none())
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        self.channel.fields(page);
    }

    fn summary(&self) -> Option<String> {
        let ChannelView {
            channel,
            organization,
            ..
        } = &self.channel;
        Some(if self.changed {
            let heading = format!("{} channel {channel} of {organization}", self.verb);
            match self.changes.as_slice() {
                // The verb alone describes the change.
                [only] if only.key == "enabled" => heading,
                changes => changes::describe(&heading, changes),
            }
        } else {
            format!("channel {channel} of {organization} is already up to date")
        })
    }

    fn next(&self) -> Vec<Hint> {
        self.next.clone()
    }

    fn warnings(&self) -> Vec<Hint> {
        let mut warnings = self.channel.warnings();
        let claims = self.claims.iter();
        warnings.extend(claims.filter_map(|claim| claim.warning(self.channel.channel)));
        warnings
    }
}
