//! The closed lists of the channel configuration: channels, backends, integrations, agent modes.

named_enum! {
    /// A medium by which patients reach the AI agents of an organization.
    pub enum ChannelKind as "channel" {
        TwilioRealtime = "twilio_realtime", "Phone calls through Twilio, speech to speech.";
        TwilioStandard = "twilio_standard", "Phone calls through Twilio, speech to text and back.";
        Retell = "retell", "Phone calls through Retell AI.";
        Whatsapp = "whatsapp", "WhatsApp messages.";
        Web = "web", "The chat window on a website.";
    }
}

impl ChannelKind {
    /// The display name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TwilioRealtime => "Twilio realtime",
            Self::TwilioStandard => "Twilio standard",
            Self::Retell => "Retell",
            Self::Whatsapp => "WhatsApp",
            Self::Web => "Web chat",
        }
    }

    /// `true` if a new organization has this channel enabled: only the channel that needs no external
    /// account.
    pub const fn enabled_by_default(self) -> bool {
        matches!(self, Self::Web)
    }

    /// The backend of a new channel.
    pub const fn default_backend(self) -> AiBackend {
        match self {
            Self::TwilioRealtime => AiBackend::OpenaiRealtime,
            Self::TwilioStandard | Self::Retell => AiBackend::OpenaiGpt4o,
            Self::Whatsapp | Self::Web => AiBackend::OpenaiGpt4oMini,
        }
    }
}

named_enum! {
    /// The AI service of a channel.
    pub enum AiBackend as "AI backend" {
        OpenaiRealtime = "openai_realtime", "OpenAI's realtime API: speech to speech.";
        OpenaiGpt4o = "openai_gpt4o", "OpenAI GPT-4o.";
        OpenaiGpt4oMini = "openai_gpt4o_mini", "OpenAI GPT-4o mini.";
        AnthropicClaude = "anthropic_claude", "Anthropic Claude.";
    }
}

impl AiBackend {
    /// The model of a channel that sets none.
    pub const fn default_model(self) -> &'static str {
        match self {
            Self::OpenaiRealtime => "gpt-realtime",
            Self::OpenaiGpt4o => "gpt-4o",
            Self::OpenaiGpt4oMini => "gpt-4o-mini",
            Self::AnthropicClaude => "claude-sonnet-4-5",
        }
    }
}

named_enum! {
    /// A system with data that the agents of a channel may use.
    pub enum DataIntegration as "data integration" {
        Opendental = "opendental", "The practice-management system Open Dental.";
        GoogleCalendar = "google_calendar", "Google Calendar.";
        Internal = "internal", "The platform's own patients and appointments.";
    }
}

named_enum! {
    /// The number of AI agents on a channel.
    #[derive(Default)]
    pub enum AgentMode as "agent mode" {
        #[default]
        Single = "single", "One agent talks and decides.";
        Two = "two", "A receptionist talks, a supervisor decides.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_chat_is_on_at_first() {
        let on: Vec<_> = ChannelKind::ALL
            .iter()
            .filter(|kind| kind.enabled_by_default())
            .collect();
        assert_eq!(on, [&ChannelKind::Web]);
    }

    #[test]
    fn names_are_the_documented_ones() {
        assert_eq!(
            ChannelKind::names(),
            [
                "twilio_realtime",
                "twilio_standard",
                "retell",
                "whatsapp",
                "web"
            ]
        );
        assert_eq!(
            AiBackend::names(),
            [
                "openai_realtime",
                "openai_gpt4o",
                "openai_gpt4o_mini",
                "anthropic_claude"
            ]
        );
        assert_eq!(
            DataIntegration::names(),
            ["opendental", "google_calendar", "internal"]
        );
        assert_eq!(AgentMode::names(), ["single", "two"]);
    }

    #[test]
    fn the_schema_lists_the_names() {
        let schema = schemars::schema_for!(AgentMode).to_value().to_string();
        for name in AgentMode::names() {
            assert!(
                schema.contains(&format!("\"const\":\"{name}\"")),
                "{schema}"
            );
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_all_and_the_near_one() {
        let error = "whatsap".parse::<ChannelKind>().unwrap_err();
        for name in ChannelKind::names() {
            assert!(error.to_string().contains(name));
        }
        assert_eq!(error.hints(), ["did you mean whatsapp?"]);
    }
}
