//! The configuration of a channel: the common keys, the settings of each kind, and the three ways to
//! write it: `key=value` pairs ([`patch`]), a TOML document and JSON ([`document`]).

pub mod document;
pub mod identity;
pub mod key;
pub mod kind;
pub mod patch;
pub mod settings;
pub mod web;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use kind::{AgentMode, AiBackend, ChannelKind, DataIntegration};
pub use settings::{
    ChannelSettings, RetellSettings, TwilioSettings, WebSettings, WhatsappSettings,
};
pub use web::{Origin, StreamUrl};

use super::agent::MAX_INSTRUCTIONS;
use super::names::long_text;
use crate::error::{Error, Result};

/// The configuration of one channel of an organization.
///
/// It is read with [`Self::from_json`] and [`Self::from_document`], which check every value.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Value")]
#[schemars(!try_from)]
pub struct ChannelConfiguration {
    /// The kind of channel.
    pub kind: ChannelKind,
    /// `true` if the channel is active.
    pub enabled: bool,
    /// The AI service of the channel.
    pub ai_backend: AiBackend,
    /// The model; if unset, the backend's default.
    pub model: Option<String>,
    /// The channel's own instructions; if unset, those of the layers below.
    pub instructions: Option<String>,
    /// The systems with data that the agents may use: sorted, without duplicates.
    pub data_integrations: Vec<DataIntegration>,
    /// The settings of this kind of channel.
    pub settings: ChannelSettings,
}

impl ChannelConfiguration {
    /// The configuration of a channel in a new organization.
    pub fn default_for(kind: ChannelKind) -> Self {
        Self {
            kind,
            enabled: kind.enabled_by_default(),
            ai_backend: kind.default_backend(),
            model: None,
            instructions: None,
            data_integrations: Vec::new(),
            settings: ChannelSettings::default_for(kind),
        }
    }

    /// The model in effect.
    pub fn effective_model(&self) -> &str {
        self.model
            .as_deref()
            .unwrap_or(self.ai_backend.default_model())
    }

    /// Checks a configuration built in code: a parsed one is already valid.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the first violated rule.
    pub fn validate(&self) -> Result<()> {
        if self.settings.kind() != self.kind {
            return Err(Error::bad_input(format!(
                "channel {} cannot have the settings of {}",
                self.kind,
                self.settings.kind()
            )));
        }
        self.settings.validate()?;
        let read = Self::from_json(self.kind, self.to_json())?;
        if read == *self {
            return Ok(());
        }
        Err(Error::bad_input(format!(
            "the configuration of channel {} is not in its canonical form: data integrations \
             must be sorted and distinct, and a text must not be blank",
            self.kind
        ))
        .hint(format!("use {}", read.to_json())))
    }

    /// Problems that keep an enabled channel from working as configured.
    pub fn warnings(&self) -> Vec<String> {
        if !self.enabled {
            return Vec::new();
        }
        let mut warnings = self.missing_settings();
        let is_realtime = self.ai_backend == AiBackend::OpenaiRealtime;
        if is_realtime != (self.kind == ChannelKind::TwilioRealtime) {
            warnings.push(format!(
                "backend {} does not fit: use {} with {} and no other channel",
                self.ai_backend,
                AiBackend::OpenaiRealtime,
                ChannelKind::TwilioRealtime
            ));
        }
        let is_claude = self.effective_model().contains("claude");
        if is_claude != (self.ai_backend == AiBackend::AnthropicClaude) {
            let Self { ai_backend, .. } = self;
            warnings.push(format!(
                "model {} is not one of backend {ai_backend}; its default is {}",
                self.effective_model(),
                ai_backend.default_model()
            ));
        }
        warnings
    }

    fn missing_settings(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut need = |is_missing: bool, what: &str| {
            if is_missing {
                missing.push(what.to_owned());
            }
        };
        match &self.settings {
            ChannelSettings::TwilioRealtime(settings) => {
                need(
                    settings.phone_numbers.is_empty(),
                    "phone_numbers is empty: no call arrives",
                );
                need(
                    settings.stream_url.is_none(),
                    "stream_url is not set: no audio flows",
                );
            }
            ChannelSettings::TwilioStandard(settings) => {
                need(
                    settings.phone_numbers.is_empty(),
                    "phone_numbers is empty: no call arrives",
                );
            }
            ChannelSettings::Retell(settings) => {
                need(
                    settings.agent_id.is_none(),
                    "agent_id is not set: Retell has no agent",
                );
                need(
                    settings.phone_numbers.is_empty(),
                    "phone_numbers is empty: no call arrives",
                );
            }
            ChannelSettings::Whatsapp(settings) => need(
                settings.instance_name.is_none() && settings.phone_number_id.is_none(),
                "neither instance_name nor phone_number_id is set: no message arrives",
            ),
            ChannelSettings::Web(settings) => need(
                settings.allowed_origins.is_empty(),
                "allowed_origins is empty: no website may show the chat",
            ),
        }
        missing
    }

    /// The configuration as JSON, with every key; unset ones are `null`.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a configuration is strings, lists and names")
    }
}

impl TryFrom<Value> for ChannelConfiguration {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self> {
        let Some(kind) = value.get("kind").and_then(Value::as_str) else {
            return Err(
                Error::bad_input("a channel configuration must name its \"kind\"")
                    .hint(format!("it is one of {}", ChannelKind::names().join(", "))),
            );
        };
        Self::from_json(kind.parse()?, value)
    }
}

fn model<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    settings::optional(deserializer, |text| {
        settings::identifier("model", text, "._-:/@")
    })
}

fn instructions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    settings::optional(deserializer, |text| {
        long_text("instructions", text, MAX_INSTRUCTIONS)
    })
}

fn integrations<'de, D>(deserializer: D) -> Result<Vec<DataIntegration>, D::Error>
where
    D: Deserializer<'de>,
{
    let mut set = Vec::deserialize(deserializer)?;
    set.sort_unstable();
    set.dedup();
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_quiet_where_off() {
        for kind in ChannelKind::ALL {
            let channel = ChannelConfiguration::default_for(*kind);
            channel.validate().unwrap();
            assert_eq!(
                channel.effective_model(),
                kind.default_backend().default_model()
            );
            assert_eq!(channel.warnings().is_empty(), !channel.enabled, "{kind}");
        }
    }

    #[test]
    fn the_json_form_reads_back_by_its_kind() {
        for kind in ChannelKind::ALL {
            let channel = ChannelConfiguration::default_for(*kind);
            let text = serde_json::to_string(&channel).unwrap();
            assert_eq!(
                serde_json::from_str::<ChannelConfiguration>(&text).unwrap(),
                channel
            );
        }
        assert!(serde_json::from_str::<ChannelConfiguration>("{}").is_err());
    }

    type Pairs<'a> = &'a [(&'a str, &'a str)];
    type Change = fn(&mut ChannelConfiguration);

    fn with(kind: ChannelKind, pairs: Pairs<'_>) -> ChannelConfiguration {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        ChannelConfiguration::default_for(kind)
            .apply(&pairs, None)
            .unwrap()
    }

    #[test]
    fn warnings_say_what_an_enabled_channel_lacks() {
        use ChannelKind::{Retell, TwilioRealtime, TwilioStandard, Web, Whatsapp};
        let number = ("phone_numbers", "+41443643532");
        let cases: [(ChannelKind, Pairs<'_>, &[&str]); 8] = [
            (TwilioRealtime, &[], &["phone_numbers", "stream_url"]),
            (
                TwilioRealtime,
                &[number, ("stream_url", "wss://v.example/m")],
                &[],
            ),
            (
                TwilioStandard,
                &[number, ("ai_backend", "openai_realtime")],
                &["openai_realtime"],
            ),
            (Retell, &[number], &["agent_id"]),
            (Whatsapp, &[], &["instance_name"]),
            (Whatsapp, &[("phone_number_id", "106540352242922")], &[]),
            (Web, &[], &["allowed_origins"]),
            (
                Web,
                &[
                    ("allowed_origins", "https://a.example"),
                    ("model", "claude-sonnet-4-5"),
                ],
                &["claude-sonnet-4-5"],
            ),
        ];
        for (kind, pairs, expected) in cases {
            let mut channel = with(kind, pairs);
            channel.enabled = true;
            let warnings = channel.warnings();
            assert_eq!(warnings.len(), expected.len(), "{kind}: {warnings:?}");
            for (warning, part) in warnings.iter().zip(expected) {
                assert!(warning.contains(part), "{warning}");
            }
        }
    }

    #[test]
    fn a_configuration_built_in_code_is_checked() {
        let base = ChannelConfiguration::default_for(ChannelKind::Web);
        let changes: [(Change, &str); 5] = [
            (|c| c.model = Some("a b".into()), "model"),
            (
                |c| c.instructions = Some("x".repeat(MAX_INSTRUCTIONS + 1)),
                "instructions",
            ),
            (|c| c.instructions = Some(String::new()), "canonical"),
            (
                |c| c.data_integrations = vec![DataIntegration::Internal; 2],
                "canonical",
            ),
            (|c| c.kind = ChannelKind::Retell, "settings of web"),
        ];
        for (change, part) in changes {
            let mut channel = base.clone();
            change(&mut channel);
            let error = channel.validate().unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
