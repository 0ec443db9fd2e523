//! Updating a configuration with `key=value` pairs.

use serde_json::Value;

use super::document;
use super::key::{self, COMMON, Key, PHONE_NUMBERS, SETTINGS, Shape, settings_of};
use super::{ChannelConfiguration, ChannelKind};
use crate::domain::PhoneNumber;
use crate::error::{Error, ErrorKind, Result};
use crate::suggest::{did_you_mean, quoted, unknown_name};

impl ChannelConfiguration {
    /// Returns this configuration with all `assignments` applied, or an error.
    ///
    /// Keys are `enabled`, `ai_backend`, `model`, `instructions`, `data_integrations` and those
    /// of the settings, short (`agent_mode`) or in full (`settings.agent_mode`). Lists are
    /// separated by commas. An empty value clears a text or a list. Telephone numbers may omit
    /// the country code if `region` (ISO 3166-1, such as `CH`) is given.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] for an unknown key, a repeated key, or an invalid value;
    /// each error lists the allowed values.
    pub fn apply(&self, assignments: &[(String, String)], region: Option<&str>) -> Result<Self> {
        let mut changed = self.clone();
        let mut seen: Vec<&str> = Vec::new();
        for (name, text) in assignments {
            let (key, is_setting) = find(self.kind, name)?;
            if seen.contains(&key.name) {
                return Err(Error::bad_input(format!("{name} is given more than once"))
                    .hint("specify each key once; separate the items of a list with commas"));
            }
            seen.push(key.name);
            changed = changed
                .with(key, is_setting, text, region)
                // Only the inner error decides if it repeats the value, which may contain a secret.
                .map_err(|error| error.within(name).of_kind(ErrorKind::BadInput))?;
        }
        Ok(changed)
    }

    fn with(&self, key: &Key, is_setting: bool, text: &str, region: Option<&str>) -> Result<Self> {
        let value = read(key, text, region)?;
        let mut json = self.to_json();
        let table = if is_setting {
            &mut json[SETTINGS]
        } else {
            &mut json
        };
        table[key.name] = value;
        document::read(self.kind, json).map_err(|cause| {
            Error::bad_input(cause.to_string())
                .hint(format!("for example {}={:?}", key.name, key.example))
        })
    }
}

/// Returns the key called `name`, and `true` if it is a setting.
fn find(kind: ChannelKind, name: &str) -> Result<(&'static Key, bool)> {
    let short = name
        .strip_prefix(SETTINGS)
        .and_then(|rest| rest.strip_prefix('.'));
    let common = COMMON.iter().map(|key| (key, false));
    let settings = settings_of(kind).iter().map(|key| (key, true));
    let found = match short {
        Some(short) => settings.clone().find(|(key, _)| key.name == short),
        None => common
            .chain(settings.clone())
            .find(|(key, _)| key.name == name),
    };
    found.ok_or_else(|| {
        let what = format!("key of channel {kind}");
        unknown_name(&what, short.unwrap_or(name), &key::names(kind))
    })
}

/// The value of `key` as JSON.
fn read(key: &Key, text: &str, region: Option<&str>) -> Result<Value> {
    let is_blank = text.trim().is_empty();
    match key.shape {
        Shape::Text if is_blank => Ok(Value::Null),
        Shape::Text => Ok(text.into()),
        Shape::List => text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| read_item(key, item, region))
            .collect(),
        Shape::Switch | Shape::Name => read_name(key, text.trim()),
    }
}

fn read_item(key: &Key, item: &str, region: Option<&str>) -> Result<Value> {
    if key.name == PHONE_NUMBERS.name {
        return Ok(PhoneNumber::parse(item, region)?.as_str().into());
    }
    read_name(key, item)
}

/// A value from the closed list of `key`, if it has one.
fn read_name(key: &Key, text: &str) -> Result<Value> {
    let allowed = key.allowed.map(|allowed| allowed()).unwrap_or_default();
    if !allowed.is_empty() && !allowed.contains(&text) {
        let message = format!(
            "{} is not allowed: allowed are {}",
            quoted(text),
            allowed.join(", ")
        );
        let error = Error::bad_input(message);
        return Err(match did_you_mean(text, allowed.iter().copied()) {
            Some(hint) => error.hint(hint),
            None => error.hint(format!("for example {}={}", key.name, key.example)),
        });
    }
    Ok(match key.shape {
        Shape::Switch => Value::Bool(text == "true"),
        _ => text.into(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::error::ErrorKind;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn apply(kind: ChannelKind, pairs: Pairs<'_>) -> Result<ChannelConfiguration> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        ChannelConfiguration::default_for(kind).apply(&pairs, Some("CH"))
    }

    #[test]
    fn each_kind_of_value_is_set() {
        let channel = apply(
            ChannelKind::TwilioRealtime,
            &[
                ("enabled", "true"),
                ("ai_backend", "anthropic_claude"),
                ("model", "claude-opus-4-1"),
                ("instructions", "Be kind, brief = good.\r\nThanks."),
                ("data_integrations", "internal, opendental,internal"),
                ("agent_mode", "two"),
                ("settings.phone_numbers", "044 364 35 32,+12025550143"),
                ("stream_url", "wss://voice.example.com/media"),
            ],
        );
        assert_eq!(
            channel.unwrap().to_json(),
            json!({
                "kind": "twilio_realtime",
                "enabled": true,
                "ai_backend": "anthropic_claude",
                "model": "claude-opus-4-1",
                "instructions": "Be kind, brief = good.\nThanks.",
                "data_integrations": ["opendental", "internal"],
                "settings": {
                    "agent_mode": "two",
                    "phone_numbers": ["+41443643532", "+12025550143"],
                    "stream_url": "wss://voice.example.com/media",
                    "greeting": null,
                },
            })
        );
    }

    #[test]
    fn an_empty_value_clears_texts_and_lists_only() {
        let pairs = [
            ("model", "gpt-4o"),
            ("instructions", "x"),
            ("data_integrations", "internal"),
            ("allowed_origins", "https://a.example"),
            ("greeting", "Hi"),
        ];
        let full = apply(ChannelKind::Web, &pairs).unwrap();
        let empty = pairs.map(|(key, _)| (key.to_owned(), String::new()));
        let default = ChannelConfiguration::default_for(ChannelKind::Web);
        assert_ne!(full, default);
        assert_eq!(full.apply(&empty, None).unwrap(), default);
        for key in ["enabled", "ai_backend", "agent_mode"] {
            let error = apply(ChannelKind::Web, &[(key, "")]).unwrap_err();
            assert!(error.to_string().contains("allowed are"), "{error}");
        }
    }

    #[test]
    fn mistakes_name_key_value_and_what_is_allowed() {
        use ChannelKind::{Retell, Web};
        let cases: [(ChannelKind, Pairs<'_>, &str, &str); 10] = [
            (
                Web,
                &[("agent_mod", "two")],
                "agent_mode, allowed_origins, greeting",
                "agent_mode",
            ),
            (
                Web,
                &[("phone_numbers", "1")],
                "not a known key of channel web",
                "",
            ),
            (
                Web,
                &[("settings.enabled", "true")],
                "not a known key",
                "enabled",
            ),
            (
                Web,
                &[("enabled", "yes")],
                "allowed are true, false",
                "enabled=true",
            ),
            (Web, &[("agent_mode", "tow")], "allowed are single, two", ""),
            (
                Web,
                &[("ai_backend", "gpt4o")],
                "anthropic_claude",
                "openai_gpt4o",
            ),
            (
                Web,
                &[("data_integrations", "internal,opendent")],
                "google_calendar",
                "opendental",
            ),
            (
                Web,
                &[("allowed_origins", "http://a.example")],
                "localhost only",
                "",
            ),
            (
                Retell,
                &[("phone_numbers", "+41 1")],
                "phone_numbers: \"+41 1\"",
                "E.164",
            ),
            (
                Web,
                &[("greeting", "a"), ("settings.greeting", "b")],
                "more than once",
                "once",
            ),
        ];
        for (kind, pairs, message, hint) in cases {
            let error = apply(kind, pairs).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(message), "{error}");
            assert!(
                error
                    .hints()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
                    .contains(hint),
                "{error}: {:?}",
                error.hints()
            );
        }
    }

    #[test]
    fn a_secret_in_a_refused_value_is_not_repeated() {
        let url = ("stream_url", "wss://ops:s3cret@voice.example.com/media");
        let error = apply(ChannelKind::TwilioRealtime, &[url]).unwrap_err();
        assert!(error.to_string().starts_with("stream_url: "), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[test]
    fn national_numbers_need_a_region() {
        let pair = [("phone_numbers".to_owned(), "044 364 35 32".to_owned())];
        let channel = ChannelConfiguration::default_for(ChannelKind::Retell);
        assert!(channel.apply(&pair, None).is_err());
        assert!(channel.apply(&pair, Some("CH")).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_applied_the_result_is_valid_and_applying_again_changes_nothing(
            kind in proptest::sample::select(ChannelKind::ALL),
            pairs in proptest::collection::vec((
                proptest::sample::select(key::names(ChannelKind::Web)),
                "\\PC{0,20}|true|false|two|single|internal,opendental|https://a\\.example|openai_gpt4o",
            ), 0..4),
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
            if let Ok(channel) = ChannelConfiguration::default_for(kind).apply(&pairs, None) {
                channel.validate().unwrap();
                prop_assert_eq!(channel.apply(&pairs, None).unwrap(), channel);
            }
        }
    }
}
