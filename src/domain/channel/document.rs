//! A configuration as a commented TOML document, and as JSON.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::key::{self, COMMON, Key, SETTINGS, Shape, settings_of};
use super::settings::{
    ChannelSettings, RetellSettings, TwilioSettings, WebSettings, WhatsappSettings,
};
use super::{AiBackend, ChannelConfiguration, ChannelKind, DataIntegration};
use crate::error::{Error, Result};
use crate::run;
use crate::suggest::{did_you_mean, quoted};

impl ChannelConfiguration {
    /// Returns a TOML document for an editor: every key with its description and allowed values, unset
    /// keys commented out. [`Self::from_document`] reads it back to the same configuration.
    pub fn to_document(&self) -> String {
        let json = self.to_json();
        let mut text = format!(
            "# Channel {} ({}).\n# An omitted key has its default.\n\n",
            self.kind.label(),
            self.kind
        );
        let common = COMMON.iter().map(|key| entry(key, &json[key.name]));
        text.extend(common);
        text += &format!("[{SETTINGS}]\n");
        let settings = settings_of(self.kind).iter();
        text.extend(settings.map(|key| entry(key, &json[SETTINGS][key.name])));
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    /// Parses a document in the form of [`Self::to_document`]; omitted keys have their defaults.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with line and column, the problem, and a similar key for
    /// an unknown one.
    pub fn from_document(kind: ChannelKind, text: &str) -> Result<Self> {
        let read = toml_edit::de::Deserializer::parse(text)
            .and_then(|document| read(kind, document))
            .map_err(|cause| (cause.span(), cause.message().to_owned()));
        read.map_err(|(span, message)| {
            let (line, column) = position(text, span.map_or(text.len(), |span| span.start));
            explained(kind, &format!("line {line}, column {column}"), &message)
        })
    }

    /// Parses a JSON object with the same keys; if it contains `kind`, that must match.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the problem, and a similar key for an unknown one.
    pub fn from_json(kind: ChannelKind, value: Value) -> Result<Self> {
        let wrong =
            |what: &str| explained(kind, &format!("the configuration of channel {kind}"), what);
        // Before its settings are refused individually.
        let named = value.get("kind").and_then(Value::as_str);
        if let Some(other) = named.filter(|named| *named != kind.as_str()) {
            return Err(wrong(&format!(
                "it is for channel {}, not {kind}",
                quoted(other)
            )));
        }
        read(kind, value).map_err(|cause| wrong(&cause.to_string()))
    }
}

/// A key with its comment; commented out if it is unset.
fn entry(key: &Key, value: &Value) -> String {
    let Key {
        name,
        about,
        example,
        ..
    } = key;
    let more = match key.allowed {
        Some(allowed) => format!(" Allowed: {}.", allowed().join(", ")),
        None if key.shape == Shape::List => format!(" Example: [{example:?}]"),
        None => String::new(),
    };
    match toml(value) {
        Some(value) => format!("# {about}{more}\n{name} = {value}\n\n"),
        None => format!("# {about}{more}\n# {name} = {example:?}\n\n"),
    }
}

/// A value of a configuration in TOML; `None` for `null`.
fn toml(value: &Value) -> Option<toml_edit::Value> {
    match value {
        Value::Bool(switch) => Some((*switch).into()),
        Value::String(text) => Some(text.as_str().into()),
        Value::Array(items) => Some(items.iter().filter_map(toml).collect()),
        Value::Null | Value::Number(_) | Value::Object(_) => None,
    }
}

/// The values as written, before defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "S: Default + Deserialize<'de>")]
struct Document<S> {
    kind: Option<ChannelKind>,
    enabled: Option<bool>,
    ai_backend: Option<AiBackend>,
    #[serde(default, deserialize_with = "super::model")]
    model: Option<String>,
    #[serde(default, deserialize_with = "super::instructions")]
    instructions: Option<String>,
    #[serde(default, deserialize_with = "super::integrations")]
    data_integrations: Vec<DataIntegration>,
    #[serde(default)]
    settings: S,
}

pub(super) fn read<'de, D: Deserializer<'de>>(
    kind: ChannelKind,
    from: D,
) -> Result<ChannelConfiguration, D::Error> {
    use ChannelSettings as Settings;
    match kind {
        ChannelKind::TwilioRealtime => {
            build::<D, TwilioSettings>(kind, from, Settings::TwilioRealtime)
        }
        ChannelKind::TwilioStandard => {
            build::<D, TwilioSettings>(kind, from, Settings::TwilioStandard)
        }
        ChannelKind::Retell => build::<D, RetellSettings>(kind, from, Settings::Retell),
        ChannelKind::Whatsapp => build::<D, WhatsappSettings>(kind, from, Settings::Whatsapp),
        ChannelKind::Web => build::<D, WebSettings>(kind, from, Settings::Web),
    }
}

fn build<'de, D, S>(
    kind: ChannelKind,
    from: D,
    settings: fn(S) -> ChannelSettings,
) -> Result<ChannelConfiguration, D::Error>
where
    D: Deserializer<'de>,
    S: Default + Deserialize<'de>,
{
    let document = Document::<S>::deserialize(from)?;
    if let Some(other) = document.kind.filter(|other| *other != kind) {
        return Err(D::Error::custom(format!(
            "it is for channel {other}, not {kind}"
        )));
    }
    Ok(ChannelConfiguration {
        kind,
        enabled: document.enabled.unwrap_or(kind.enabled_by_default()),
        ai_backend: document.ai_backend.unwrap_or(kind.default_backend()),
        model: document.model,
        instructions: document.instructions,
        data_integrations: document.data_integrations,
        settings: settings(document.settings),
    })
}

/// Line and column (from 1, in characters) of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Returns the error for serde's message about `place`, with a similar key for an unknown one.
pub(super) fn explained(kind: ChannelKind, place: &str, message: &str) -> Error {
    // serde's wording: unknown field `x`, expected one of …
    let unknown = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once('`'));
    let near = unknown.and_then(|(name, _)| did_you_mean(name, key::names(kind).into_iter()));
    // `kind` is part of the stored form only: it need not be written.
    let message = message.replacen("expected one of `kind`, ", "expected one of ", 1);
    let error = Error::bad_input(format!("{place}: {}", message.trim_end()));
    match near {
        Some(hint) => error.hint(hint),
        None => {
            error.hint(run!["channel", "show", kind, "--toml"].labeled("list the allowed values"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn uncommented(document: &str) -> String {
        let is_key = |line: &str| line.starts_with("# ") && line.contains(" = ");
        let lines = document
            .lines()
            .map(|line| if is_key(line) { &line[2..] } else { line });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_document_of_a_new_channel_explains_every_key() {
        for kind in ChannelKind::ALL {
            let channel = ChannelConfiguration::default_for(*kind);
            let document = channel.to_document();
            assert_eq!(
                ChannelConfiguration::from_document(*kind, &document).unwrap(),
                channel
            );
            for name in key::names(*kind) {
                assert!(document.contains(&format!("{name} = ")), "{kind}: {name}");
            }
            let all = ChannelConfiguration::from_document(*kind, &uncommented(&document)).unwrap();
            assert!(all.model.is_some() && all.instructions.is_some(), "{kind}");
        }
    }

    #[test]
    fn the_document_of_the_web_chat() {
        let document = ChannelConfiguration::default_for(ChannelKind::Web).to_document();
        assert_eq!(
            document,
            r#"# Channel Web chat (web).
# An omitted key has its default.

# True if the channel is active. Allowed: true, false.
enabled = true

# The AI service of the channel. Allowed: openai_realtime, openai_gpt4o, openai_gpt4o_mini, anthropic_claude.
ai_backend = "openai_gpt4o_mini"

# The model; if unset, the backend's default.
# model = "gpt-4o"

# The agent's instructions; if unset, the organization's.
# instructions = "You answer for Harbor Clinic."

# The systems with data that the agents may use. Allowed: opendental, google_calendar, internal.
data_integrations = []

[settings]
# One agent, or a receptionist and a supervisor. Allowed: single, two.
agent_mode = "single"

# The websites that may show the chat: scheme://host[:port], exactly. Example: ["https://www.example.com"]
allowed_origins = []

# The first message to the patient, spoken or written.
# greeting = "Welcome to Harbor Clinic. How can I help?"
"#
        );
    }

    #[test]
    fn long_instructions_stay_readable() {
        let mut channel = ChannelConfiguration::default_for(ChannelKind::Web);
        channel.instructions = Some("First line.\nSecond \"line\".\n".into());
        let document = channel.to_document();
        assert!(
            document.contains("\nFirst line.\nSecond \"line\".\n"),
            "{document}"
        );
    }

    #[test]
    fn mistakes_are_located_and_a_near_key_named() {
        let cases = [
            (
                "enabled = true\nmodle = \"x\"\n",
                "line 2, column 1: unknown field `modle`",
                "model",
            ),
            ("enabled = \"yes\"\n", "line 1, column 11:", ""),
            ("enabled = true\nai_backend =\n", "line 2, column 13:", ""),
            (
                "ai_backend = \"gpt\"\n",
                "line 1, column 14: \"gpt\" is not a known AI backend",
                "",
            ),
            (
                "[settings]\nagent_mod = \"two\"\n",
                "line 2, column 1: unknown",
                "agent_mode",
            ),
            (
                "[settings]\nallowed_origins = [\"*\"]\n",
                "line 2, column 19: \"*\"",
                "",
            ),
            (
                "# é\nmodel = \"a b\"\n",
                "line 2, column 9: \"a b\" is not a valid model",
                "",
            ),
            ("kind = \"retell\"\n", "for channel retell, not web", ""),
        ];
        for (text, message, hint) in cases {
            let error = ChannelConfiguration::from_document(ChannelKind::Web, text).unwrap_err();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(
                error.hints()[0].to_string().contains(hint),
                "{text}: {:?}",
                error.hints()
            );
        }
    }

    #[test]
    fn json_has_the_same_keys_and_rules() {
        let kind = ChannelKind::Web;
        let read = |value| ChannelConfiguration::from_json(kind, value);
        let channel = read(json!({"enabled": false, "settings": {"greeting": "Hi"}})).unwrap();
        assert!(!channel.enabled);
        assert_eq!(read(channel.to_json()).unwrap(), channel);
        assert_eq!(
            read(json!({})).unwrap(),
            ChannelConfiguration::default_for(kind)
        );
        let error = read(json!({"setings": {}})).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("unknown field `setings`, expected one of `enabled`"),
            "{error}"
        );
        assert!(read(json!({"kind": "retell"})).is_err());
    }

    fn any_configuration() -> impl Strategy<Value = ChannelConfiguration> {
        // All characters that instructions may contain, weighted towards those special in TOML.
        let text = || proptest::option::of("[\\PC\n\t\"'\\\\#]{0,60}");
        (
            proptest::sample::select(ChannelKind::ALL),
            any::<bool>(),
            proptest::sample::select(AiBackend::ALL),
            proptest::option::of("[a-z0-9.:/-]{1,30}"),
            (text(), text()),
            proptest::sample::subsequence(DataIntegration::ALL, 0..=3),
            proptest::sample::select(super::super::AgentMode::ALL),
        )
            .prop_map(
                |(kind, enabled, backend, model, texts, integrations, mode)| {
                    let mut value = json!({
                        "enabled": enabled,
                        "ai_backend": backend,
                        "model": model,
                        "instructions": texts.0,
                        "data_integrations": integrations,
                        "settings": {"agent_mode": mode},
                    });
                    if settings_of(kind).iter().any(|key| key.name == "greeting") {
                        value["settings"]["greeting"] = json!(texts.1);
                    }
                    ChannelConfiguration::from_json(kind, value).unwrap()
                },
            )
    }

    proptest! {
        #[test]
        fn a_document_reads_back_to_what_was_written(channel in any_configuration()) {
            let document = channel.to_document();
            let read = ChannelConfiguration::from_document(channel.kind, &document);
            prop_assert_eq!(read.map_err(|error| error.to_string()), Ok(channel));
        }

        #[test]
        fn reading_any_text_never_panics(text in "\\PC{0,80}|[a-z_]{0,10} = [\"\\[{a-z]{0,10}\n{0,2}é?") {
            let _ = ChannelConfiguration::from_document(ChannelKind::Web, &text);
        }
    }
}
