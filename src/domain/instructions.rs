//! The instructions that an AI agent on a channel follows, and the layer they come from.
//!
//! Every text is looked up in four layers, and the first that has one (not blank) applies: channel
//! → organization → platform → built in. A channel has a single text, which replaces the first part
//! of its row.
//!
//! | channel          | agent mode | manual switch | parts, in order          |
//! |------------------|------------|---------------|--------------------------|
//! | WhatsApp         | single     | any           | whatsapp                 |
//! | WhatsApp         | two        | any           | whatsapp, supervisor     |
//! | any other        | single     | any           | manual                   |
//! | any other        | two        | off           | receptionist, supervisor |
//! | any other        | two        | on            | manual                   |
//!
//! The manual switch is on if a manual text exists at the organization or the platform, and
//! - the organization sets `use_manual_instructions`; or
//! - the platform sets it, and the organization has neither a receptionist's nor a supervisor's
//!   text: texts that an organization wrote for two agents are not overridden by a lower layer.
//!
//! WhatsApp has a separate text and so ignores the switch; with two agents its text is used by the
//! talking agent, and the supervisor is that of the other channels.

use serde::Serialize;

use super::agent::AgentInstructions;
use super::channel::{AgentMode, ChannelConfiguration, ChannelKind};

/// The manual text used if no layer has one.
pub const BUILT_IN_MANUAL: &str = "\
You answer for the clinic. Be polite and brief, and speak the caller's language. Help to book, \
move and cancel appointments, and answer questions about opening hours and services from what \
you were given. Never give medical advice, and never disclose anything about a patient before the \
caller's identity is confirmed. In an emergency, ask the caller to dial the emergency number. \
If you are not sure, offer a call back from a member of the team.";

/// The receptionist's text used if no layer has one.
pub const BUILT_IN_RECEPTIONIST: &str = "\
You are the clinic's receptionist. Greet the caller, find out what they need, and collect name, \
date of birth and telephone number where they are needed. Be polite and brief, and speak the \
caller's language. Leave every decision and every lookup to the supervisor, and give the caller \
its answer. Never give medical advice. In an emergency, ask the caller to dial the \
emergency number.";

/// The supervisor's text used if no layer has one.
pub const BUILT_IN_SUPERVISOR: &str = "\
You supervise the clinic's receptionist. Decide with the tools you have, and only with what \
they return: never invent a free time, a price or a patient. Book, move or cancel an appointment \
only after the caller confirmed day and time. Give no information about a patient before the \
caller's identity is confirmed. Answer in one or two sentences that the receptionist can say. \
If you are not sure, offer a call back from a member of the team.";

/// The WhatsApp text used if no layer has one.
pub const BUILT_IN_WHATSAPP: &str = "\
You answer for the clinic on WhatsApp. Write short, friendly messages in the patient's language, \
and ask one question at a time. Help to book, move and cancel appointments, and confirm day and \
time before you book. Never give medical advice, and send no information about a patient before \
their identity is confirmed. In an emergency, ask them to dial the emergency number. If you \
are not sure, offer a reply from a member of the team.";

named_enum! {
    /// The purpose of a text.
    pub enum InstructionPart as "instruction part" {
        Manual = "manual", "The agent that works alone.";
        Receptionist = "receptionist", "The agent that talks to the caller, in two-agent mode.";
        Supervisor = "supervisor", "The agent that decides, in two-agent mode.";
        Whatsapp = "whatsapp", "The agent on WhatsApp.";
    }
}

impl InstructionPart {
    /// The field of [`AgentInstructions`] that contains it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Manual => "manual_ai_instructions",
            Self::Receptionist => "receptionist_instructions",
            Self::Supervisor => "supervisor_instructions",
            Self::Whatsapp => "whatsapp_instructions",
        }
    }

    /// The built-in text.
    pub const fn built_in(self) -> &'static str {
        match self {
            Self::Manual => BUILT_IN_MANUAL,
            Self::Receptionist => BUILT_IN_RECEPTIONIST,
            Self::Supervisor => BUILT_IN_SUPERVISOR,
            Self::Whatsapp => BUILT_IN_WHATSAPP,
        }
    }
}

named_enum! {
    /// The source of a text, highest precedence first.
    pub enum InstructionLayer as "instruction layer" {
        Channel = "channel", "The channel's instructions.";
        Organization = "organization", "The organization's agent configuration.";
        Platform = "platform", "The platform's agent configuration.";
        BuiltIn = "built_in", "The built-in text.";
    }
}

/// A text that an agent follows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ResolvedInstruction {
    /// Its purpose.
    pub part: InstructionPart,
    /// The layer it comes from.
    pub layer: InstructionLayer,
    /// The text itself.
    pub text: String,
}

/// The texts that the agents of `channel` follow, according to the table above.
pub fn resolve(
    channel: &ChannelConfiguration,
    organization: &AgentInstructions,
    platform: &AgentInstructions,
) -> Vec<ResolvedInstruction> {
    let own = channel.instructions.as_deref();
    let mut own = own.filter(|text| !text.trim().is_empty());
    let resolve_part = |&part: &InstructionPart| {
        // Only the first part uses the channel's text.
        let found = (own.take().map(|text| (InstructionLayer::Channel, text)))
            .or_else(|| {
                organization
                    .text(part)
                    .map(|text| (InstructionLayer::Organization, text))
            })
            .or_else(|| {
                platform
                    .text(part)
                    .map(|text| (InstructionLayer::Platform, text))
            });
        let (layer, text) = found.unwrap_or((InstructionLayer::BuiltIn, part.built_in()));
        ResolvedInstruction {
            part,
            layer,
            text: text.to_owned(),
        }
    };
    parts(channel, organization, platform)
        .iter()
        .map(resolve_part)
        .collect()
}

fn parts(
    channel: &ChannelConfiguration,
    organization: &AgentInstructions,
    platform: &AgentInstructions,
) -> &'static [InstructionPart] {
    use InstructionPart::{Manual, Receptionist, Supervisor, Whatsapp};
    match (channel.kind, channel.settings.agent_mode()) {
        (ChannelKind::Whatsapp, AgentMode::Single) => &[Whatsapp],
        (ChannelKind::Whatsapp, AgentMode::Two) => &[Whatsapp, Supervisor],
        (_, AgentMode::Single) => &[Manual],
        (_, AgentMode::Two) if manual_is_on(organization, platform) => &[Manual],
        (_, AgentMode::Two) => &[Receptionist, Supervisor],
    }
}

fn manual_is_on(organization: &AgentInstructions, platform: &AgentInstructions) -> bool {
    use InstructionPart::{Manual, Receptionist, Supervisor};
    let has = |layer: &AgentInstructions, part| layer.text(part).is_some();
    let has_text = has(organization, Manual) || has(platform, Manual);
    let wrote_for_two = has(organization, Receptionist) || has(organization, Supervisor);
    let is_switched_on = organization.use_manual_instructions
        || (platform.use_manual_instructions && !wrote_for_two);
    has_text && is_switched_on
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer from its fields: `m`, `r`, `s`, `w` for the texts, `!` for the switch.
    fn layer(name: &str, fields: &str) -> AgentInstructions {
        let text = |letter: char| fields.contains(letter).then(|| format!("{name}-{letter}"));
        AgentInstructions {
            manual_ai_instructions: text('m'),
            receptionist_instructions: text('r'),
            supervisor_instructions: text('s'),
            whatsapp_instructions: text('w'),
            use_manual_instructions: fields.contains('!'),
        }
    }

    fn channel(kind: ChannelKind, mode: AgentMode, own: &str) -> ChannelConfiguration {
        let mut channel = ChannelConfiguration::default_for(kind);
        channel.instructions = (!own.is_empty()).then(|| own.to_owned());
        let mode = ("agent_mode".to_owned(), mode.to_string());
        channel.apply(&[mode], None).unwrap()
    }

    /// Formats as `part<layer`, such as `manual<organization`.
    fn shown(resolved: &[ResolvedInstruction]) -> String {
        let one = |r: &ResolvedInstruction| format!("{}<{}", r.part, r.layer);
        resolved.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_row_of_the_table() {
        use AgentMode::{Single, Two};
        use ChannelKind::{Retell, TwilioRealtime, TwilioStandard, Web, Whatsapp};
        let all = "mrsw";
        #[rustfmt::skip]
        let rows = [
            // channel, mode, own text, organization, platform, resolved
            // Single: manual, from each layer; the switch has no effect.
            (Web, Single, "own", all, all, "manual<channel"),
            (Web, Single, "", all, all, "manual<organization"),
            (Web, Single, "", "rsw", all, "manual<platform"),
            (Web, Single, "", "rsw", "rsw", "manual<built_in"),
            (Web, Single, "", "rsw!", "rsw!", "manual<built_in"),
            (Retell, Single, "", "m", "", "manual<organization"),
            (TwilioStandard, Single, "", "m", "", "manual<organization"),
            // A blank channel text is ignored.
            (Web, Single, " \n", all, all, "manual<organization"),
            // Two, switch off: each part separately; the channel's text is the receptionist's.
            (TwilioRealtime, Two, "own", all, all, "receptionist<channel supervisor<organization"),
            (TwilioRealtime, Two, "own", "", "", "receptionist<channel supervisor<built_in"),
            (TwilioRealtime, Two, "", all, all, "receptionist<organization supervisor<organization"),
            (TwilioRealtime, Two, "", "r", "rs", "receptionist<organization supervisor<platform"),
            (TwilioRealtime, Two, "", "m", "", "receptionist<built_in supervisor<built_in"),
            // Two, switched on by the organization, with a manual text from either layer.
            (TwilioRealtime, Two, "", "mrs!", all, "manual<organization"),
            (TwilioRealtime, Two, "", "rs!", "m", "manual<platform"),
            (TwilioRealtime, Two, "own", "mrs!", all, "manual<channel"),
            // On, but without a manual text: no effect, even if the channel has one.
            (TwilioRealtime, Two, "", "rs!", "rs", "receptionist<organization supervisor<organization"),
            (TwilioRealtime, Two, "own", "s!", "", "receptionist<channel supervisor<organization"),
            // Switched on by the platform, unless the organization wrote for two agents.
            (TwilioRealtime, Two, "", "", "mrs!", "manual<platform"),
            (TwilioRealtime, Two, "", "m", "mrs!", "manual<organization"),
            (TwilioRealtime, Two, "", "r", "mrs!", "receptionist<organization supervisor<platform"),
            (TwilioRealtime, Two, "", "s", "mrs!", "receptionist<platform supervisor<organization"),
            // WhatsApp: its own text, regardless of the switch.
            (Whatsapp, Single, "own", all, all, "whatsapp<channel"),
            (Whatsapp, Single, "", all, all, "whatsapp<organization"),
            (Whatsapp, Single, "", "mrs!", all, "whatsapp<platform"),
            (Whatsapp, Single, "", "mrs!", "mrs!", "whatsapp<built_in"),
            (Whatsapp, Two, "", "mrsw!", all, "whatsapp<organization supervisor<organization"),
            (Whatsapp, Two, "own", "m", "s", "whatsapp<channel supervisor<platform"),
        ];
        for (kind, mode, own, organization, platform, expected) in rows {
            let resolved = resolve(
                &channel(kind, mode, own),
                &layer("organization", organization),
                &layer("platform", platform),
            );
            let row = format!("{kind} {mode} own={own:?} {organization} {platform}");
            assert_eq!(shown(&resolved), expected, "{row}");
            for one in &resolved {
                let text = match one.layer {
                    InstructionLayer::Channel => own.to_owned(),
                    InstructionLayer::BuiltIn => one.part.built_in().to_owned(),
                    stored => format!("{stored}-{}", &one.part.as_str()[..1]),
                };
                assert_eq!(one.text, text, "{row}");
            }
        }
    }

    #[test]
    fn parts_name_their_fields() {
        let fields: Vec<&str> = InstructionPart::ALL
            .iter()
            .map(|part| part.field())
            .collect();
        assert_eq!(fields, AgentInstructions::FIELDS[..fields.len()]);
    }

    #[test]
    fn built_in_texts_are_safe_and_whole() {
        for part in InstructionPart::ALL {
            let text = part.built_in();
            assert!(!text.contains("  ") && !text.contains('\n') && text.ends_with('.'));
        }
        for talking in [BUILT_IN_MANUAL, BUILT_IN_RECEPTIONIST, BUILT_IN_WHATSAPP] {
            assert!(talking.contains("Never give medical advice"));
            assert!(talking.contains("emergency"));
        }
    }
}
