//! The keys of a channel configuration, for `set`, `edit`, completion and error messages.

use super::kind::{AgentMode, AiBackend, ChannelKind, DataIntegration};

/// The form of a key's value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// `true` or `false`.
    Switch,
    /// One of a list of names.
    Name,
    /// A text that may be unset.
    Text,
    /// A list; on the command line separated by commas.
    List,
}

/// A key of a channel configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The form of its value.
    pub shape: Shape,
    /// A description in one line.
    pub about: &'static str,
    /// An example value; for a list, one item.
    pub example: &'static str,
    /// The allowed names, if the list is closed.
    pub allowed: Option<fn() -> Vec<&'static str>>,
}

/// The table of the settings in a document, and the prefix of their full names.
pub const SETTINGS: &str = "settings";

/// The keys that every channel has.
pub const COMMON: &[Key] = &[
    Key {
        name: "enabled",
        shape: Shape::Switch,
        about: "True if the channel is active.",
        example: "true",
        allowed: Some(|| vec!["true", "false"]),
    },
    Key {
        name: "ai_backend",
        shape: Shape::Name,
        about: "The AI service of the channel.",
        example: "openai_gpt4o",
        allowed: Some(AiBackend::names),
    },
    Key {
        name: "model",
        shape: Shape::Text,
        about: "The model; if unset, the backend's default.",
        example: "gpt-4o",
        allowed: None,
    },
    Key {
        name: "instructions",
        shape: Shape::Text,
        about: "The agent's instructions; if unset, the organization's.",
        example: "You answer for Harbor Clinic.",
        allowed: None,
    },
    Key {
        name: "data_integrations",
        shape: Shape::List,
        about: "The systems with data that the agents may use.",
        example: "internal",
        allowed: Some(DataIntegration::names),
    },
];

const AGENT_MODE: Key = Key {
    name: "agent_mode",
    shape: Shape::Name,
    about: "One agent, or a receptionist and a supervisor.",
    example: "two",
    allowed: Some(AgentMode::names),
};
pub(super) const PHONE_NUMBERS: Key = Key {
    name: "phone_numbers",
    shape: Shape::List,
    about: "The numbers that patients call, in E.164.",
    example: "+41443643532",
    allowed: None,
};
const STREAM_URL: Key = Key {
    name: "stream_url",
    shape: Shape::Text,
    about: "The URL to which Twilio streams the audio: wss://, without a query string.",
    example: "wss://voice.example.com/media",
    allowed: None,
};
const GREETING: Key = Key {
    name: "greeting",
    shape: Shape::Text,
    about: "The first message to the patient, spoken or written.",
    example: "Welcome to Harbor Clinic. How can I help?",
    allowed: None,
};
const AGENT_ID: Key = Key {
    name: "agent_id",
    shape: Shape::Text,
    about: "The id of the agent at Retell.",
    example: "agent_7f3c2a",
    allowed: None,
};
const INSTANCE_NAME: Key = Key {
    name: "instance_name",
    shape: Shape::Text,
    about: "The instance at the WhatsApp gateway.",
    example: "harbor-clinic",
    allowed: None,
};
const PHONE_NUMBER_ID: Key = Key {
    name: "phone_number_id",
    shape: Shape::Text,
    about: "Meta's id of the number (digits; not the number itself).",
    example: "106540352242922",
    allowed: None,
};
const ALLOWED_ORIGINS: Key = Key {
    name: "allowed_origins",
    shape: Shape::List,
    about: "The websites that may show the chat: scheme://host[:port], exactly.",
    example: "https://www.example.com",
    allowed: None,
};

/// The keys of the settings of a channel.
pub const fn settings_of(kind: ChannelKind) -> &'static [Key] {
    match kind {
        ChannelKind::TwilioRealtime | ChannelKind::TwilioStandard => {
            &[AGENT_MODE, PHONE_NUMBERS, STREAM_URL, GREETING]
        }
        ChannelKind::Retell => &[AGENT_MODE, AGENT_ID, PHONE_NUMBERS],
        ChannelKind::Whatsapp => &[AGENT_MODE, INSTANCE_NAME, PHONE_NUMBER_ID],
        ChannelKind::Web => &[AGENT_MODE, ALLOWED_ORIGINS, GREETING],
    }
}

/// The names of all keys of a channel, the common ones first.
pub fn names(kind: ChannelKind) -> Vec<&'static str> {
    let keys = COMMON.iter().chain(settings_of(kind));
    keys.map(|key| key.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ChannelConfiguration;

    #[test]
    fn keys_are_those_of_the_stored_form() {
        for kind in ChannelKind::ALL {
            let json = serde_json::to_value(ChannelConfiguration::default_for(*kind)).unwrap();
            let sorted = |mut names: Vec<String>| {
                names.sort_unstable();
                names
            };
            let listed = |keys: &[Key]| sorted(keys.iter().map(|key| key.name.into()).collect());
            let stored = |value: &serde_json::Value| {
                let keys = value.as_object().unwrap().keys().cloned();
                sorted(
                    keys.filter(|key| key != "kind" && key != SETTINGS)
                        .collect(),
                )
            };
            assert_eq!(stored(&json), listed(COMMON));
            assert_eq!(
                stored(&json[SETTINGS]),
                listed(settings_of(*kind)),
                "{kind}"
            );
        }
    }

    #[test]
    fn examples_are_accepted() {
        for kind in ChannelKind::ALL {
            for key in COMMON.iter().chain(settings_of(*kind)) {
                let assignment = (key.name.to_owned(), key.example.to_owned());
                let channel = ChannelConfiguration::default_for(*kind);
                channel.apply(&[assignment], None).unwrap();
            }
        }
    }
}
