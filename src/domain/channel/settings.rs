//! The settings of each kind of channel.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::document::explained;
use super::kind::{AgentMode, ChannelKind};
use super::web::{Origin, StreamUrl};
use crate::domain::PhoneNumber;
use crate::domain::names::long_text;
use crate::error::{Error, Result};
use crate::suggest::quoted;

/// Longest greeting, in characters: about a minute of speech.
pub const MAX_GREETING: usize = 1_000;

/// Settings of the two Twilio channels.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TwilioSettings {
    /// The number of agents on a call.
    pub agent_mode: AgentMode,
    /// The numbers that patients call, in E.164.
    #[serde(deserialize_with = "distinct")]
    pub phone_numbers: Vec<PhoneNumber>,
    /// The URL to which Twilio streams the audio.
    pub stream_url: Option<StreamUrl>,
    /// The first words of the agent.
    #[serde(deserialize_with = "greeting")]
    pub greeting: Option<String>,
}

/// Settings of the Retell channel.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetellSettings {
    /// The number of agents on a call.
    pub agent_mode: AgentMode,
    /// The id of the agent at Retell.
    #[serde(deserialize_with = "agent_id")]
    pub agent_id: Option<String>,
    /// The numbers that patients call, in E.164.
    #[serde(deserialize_with = "distinct")]
    pub phone_numbers: Vec<PhoneNumber>,
}

/// Settings of the WhatsApp channel.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WhatsappSettings {
    /// The number of agents in a conversation.
    pub agent_mode: AgentMode,
    /// The instance at the WhatsApp gateway.
    #[serde(deserialize_with = "instance_name")]
    pub instance_name: Option<String>,
    /// Meta's Cloud API id of the number; not the number itself.
    #[serde(deserialize_with = "phone_number_id")]
    pub phone_number_id: Option<String>,
}

/// Settings of the web chat.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebSettings {
    /// The number of agents in a conversation.
    pub agent_mode: AgentMode,
    /// The websites that may show the chat.
    #[serde(deserialize_with = "distinct")]
    pub allowed_origins: Vec<Origin>,
    /// The first message of the agent.
    #[serde(deserialize_with = "greeting")]
    pub greeting: Option<String>,
}

/// The settings of a channel, by its kind.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ChannelSettings {
    /// Settings of `twilio_realtime`.
    TwilioRealtime(TwilioSettings),
    /// Settings of `twilio_standard`.
    TwilioStandard(TwilioSettings),
    /// Settings of `retell`.
    Retell(RetellSettings),
    /// Settings of `whatsapp`.
    Whatsapp(WhatsappSettings),
    /// Settings of `web`.
    Web(WebSettings),
}

impl ChannelSettings {
    /// The settings of a new channel.
    pub fn default_for(kind: ChannelKind) -> Self {
        match kind {
            ChannelKind::TwilioRealtime => Self::TwilioRealtime(TwilioSettings::default()),
            ChannelKind::TwilioStandard => Self::TwilioStandard(TwilioSettings::default()),
            ChannelKind::Retell => Self::Retell(RetellSettings::default()),
            ChannelKind::Whatsapp => Self::Whatsapp(WhatsappSettings::default()),
            ChannelKind::Web => Self::Web(WebSettings::default()),
        }
    }

    /// Parses the settings of a channel, as stored in the database.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] for an unknown key or an invalid value.
    pub fn from_json(kind: ChannelKind, value: Value) -> Result<Self> {
        fn read<T: DeserializeOwned>(kind: ChannelKind, value: Value) -> Result<T> {
            serde_json::from_value(value).map_err(|cause| {
                explained(
                    kind,
                    &format!("the settings of channel {kind}"),
                    &cause.to_string(),
                )
            })
        }
        match kind {
            ChannelKind::TwilioRealtime => read(kind, value).map(Self::TwilioRealtime),
            ChannelKind::TwilioStandard => read(kind, value).map(Self::TwilioStandard),
            ChannelKind::Retell => read(kind, value).map(Self::Retell),
            ChannelKind::Whatsapp => read(kind, value).map(Self::Whatsapp),
            ChannelKind::Web => read(kind, value).map(Self::Web),
        }
    }

    /// The websites that may show the chat; empty for other channels.
    pub fn allowed_origins(&self) -> &[Origin] {
        match self {
            Self::Web(settings) => &settings.allowed_origins,
            _ => &[],
        }
    }

    /// The settings as JSON, with every key; unset ones are `null`.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("settings are strings, lists and names")
    }

    /// The kind of channel of these settings.
    pub const fn kind(&self) -> ChannelKind {
        match self {
            Self::TwilioRealtime(_) => ChannelKind::TwilioRealtime,
            Self::TwilioStandard(_) => ChannelKind::TwilioStandard,
            Self::Retell(_) => ChannelKind::Retell,
            Self::Whatsapp(_) => ChannelKind::Whatsapp,
            Self::Web(_) => ChannelKind::Web,
        }
    }

    /// The number of agents on the channel.
    pub const fn agent_mode(&self) -> AgentMode {
        match self {
            Self::TwilioRealtime(settings) | Self::TwilioStandard(settings) => settings.agent_mode,
            Self::Retell(settings) => settings.agent_mode,
            Self::Whatsapp(settings) => settings.agent_mode,
            Self::Web(settings) => settings.agent_mode,
        }
    }

    /// Checks settings built in code: parsed ones are already valid.
    ///
    /// # Errors
    /// The same as [`Self::from_json`].
    pub fn validate(&self) -> Result<()> {
        let read = Self::from_json(self.kind(), self.to_json())?;
        if read == *self {
            return Ok(());
        }
        Err(Error::bad_input(format!(
            "the settings of channel {} are not in their canonical form: values must be distinct, \
             and a text must not be blank",
            self.kind()
        ))
        .hint(format!("use {}", read.to_json())))
    }
}

/// A list without duplicates, in its order.
fn distinct<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de> + PartialEq,
    D: Deserializer<'de>,
{
    let mut distinct = Vec::new();
    for value in Vec::deserialize(deserializer)? {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    Ok(distinct)
}

/// A text that `check` accepts; `None` if it is blank.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
    check: impl FnOnce(&str) -> Result<String>,
) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.trim().is_empty() => check(&text).map(Some).map_err(D::Error::custom),
        _ => Ok(None),
    }
}

fn greeting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, |text| {
        long_text("greeting", text, MAX_GREETING)
    })
}

fn agent_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, |text| identifier("agent_id", text, "_-"))
}

fn instance_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, |text| {
        identifier("instance_name", text, "_-.")
    })
}

fn phone_number_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer, |text| {
        let id = text.trim();
        if (5..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(id.to_owned());
        }
        Err(Error::bad_input(format!(
            "{} is not a valid phone_number_id: it must be 5 to 20 digits, as Meta shows it under \
             API Setup (it is not the telephone number)",
            quoted(text)
        )))
    })
}

/// Accepts up to 100 ASCII letters, digits and characters of `extra`.
pub(super) fn identifier(key: &str, text: &str, extra: &str) -> Result<String> {
    const MAX_LENGTH: usize = 100;
    let id = text.trim();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    if id.len() <= MAX_LENGTH && id.chars().all(is_allowed) {
        return Ok(id.to_owned());
    }
    let extra: Vec<String> = extra.chars().map(String::from).collect();
    Err(Error::bad_input(format!(
        "{} is not a valid {key}: it must be up to {MAX_LENGTH} of A-Z, a-z, 0-9 and {}",
        quoted(text),
        extra.join(" ")
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_of_their_kind_and_read_back() {
        for kind in ChannelKind::ALL {
            let settings = ChannelSettings::default_for(*kind);
            assert_eq!(settings.kind(), *kind);
            let read = ChannelSettings::from_json(*kind, settings.to_json()).unwrap();
            assert_eq!(read, settings);
            assert_eq!(
                ChannelSettings::from_json(*kind, json!({})).unwrap(),
                settings
            );
            settings.validate().unwrap();
        }
    }

    #[test]
    fn good_settings_take_their_canonical_form() {
        let cases = [
            (
                ChannelKind::TwilioRealtime,
                json!({"agent_mode": "two", "phone_numbers": ["+41 44 364 35 32", "+41443643532"],
                    "stream_url": "wss://v.example.com/m", "greeting": " "}),
                json!({"agent_mode": "two", "phone_numbers": ["+41443643532"],
                    "stream_url": "wss://v.example.com/m", "greeting": null}),
            ),
            (
                ChannelKind::Whatsapp,
                json!({"phone_number_id": " 106540352242922 "}),
                json!({"agent_mode": "single", "instance_name": null,
                    "phone_number_id": "106540352242922"}),
            ),
            (
                ChannelKind::Web,
                json!({"allowed_origins": ["https://a.example/", "https://a.example"]}),
                json!({"agent_mode": "single", "allowed_origins": ["https://a.example"],
                    "greeting": null}),
            ),
        ];
        for (kind, written, stored) in cases {
            assert_eq!(
                ChannelSettings::from_json(kind, written).unwrap().to_json(),
                stored
            );
        }
    }

    #[test]
    fn wrong_settings_are_refused_with_value_and_rule() {
        let long = "x".repeat(MAX_GREETING + 1);
        let cases = [
            (
                ChannelKind::Web,
                json!({"phone_numbers": []}),
                "unknown field `phone_numbers`",
            ),
            (
                ChannelKind::Web,
                json!({"agent_mode": "dual"}),
                "allowed are single, two",
            ),
            (
                ChannelKind::Web,
                json!({"greeting": long}),
                "1001 characters",
            ),
            (
                ChannelKind::Web,
                json!({"allowed_origins": ["*"]}),
                "wildcards",
            ),
            (ChannelKind::Web, json!([1]), "channel web"),
            (
                ChannelKind::TwilioStandard,
                json!({"phone_numbers": ["044"]}),
                "\"044\"",
            ),
            (
                ChannelKind::TwilioStandard,
                json!({"stream_url": "ws://x"}),
                "wss://",
            ),
            (ChannelKind::Retell, json!({"agent_id": "a b"}), "\"a b\""),
            (
                ChannelKind::Whatsapp,
                json!({"phone_number_id": "+4144"}),
                "digits",
            ),
            (
                ChannelKind::Whatsapp,
                json!({"instance_name": "x/y"}),
                "instance_name",
            ),
        ];
        for (kind, value, part) in cases {
            let error = ChannelSettings::from_json(kind, value).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn settings_built_in_code_are_checked_too() {
        let blank = ChannelSettings::Web(WebSettings {
            greeting: Some(" ".into()),
            ..WebSettings::default()
        });
        assert!(
            blank
                .validate()
                .unwrap_err()
                .to_string()
                .contains("canonical")
        );
        let wrong = ChannelSettings::Retell(RetellSettings {
            agent_id: Some("a b".into()),
            ..RetellSettings::default()
        });
        assert!(
            wrong
                .validate()
                .unwrap_err()
                .to_string()
                .contains("agent_id")
        );
    }
}
