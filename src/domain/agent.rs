//! The instructions of the AI agents in one layer (organization or platform).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instructions::InstructionPart;
use super::names::long_text;
use crate::error::{Error, Result};
use crate::suggest::unknown_name;

/// Longest instruction text, in characters.
pub const MAX_INSTRUCTIONS: usize = 100_000;

/// The field that selects one manual text instead of two agents.
const USE_MANUAL: &str = "use_manual_instructions";

/// The texts of one layer. For how layers combine, see [`super::instructions`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AgentInstructions {
    /// For an agent that works alone.
    pub manual_ai_instructions: Option<String>,
    /// For the agent that talks to the caller, in two-agent mode.
    pub receptionist_instructions: Option<String>,
    /// For the agent that decides, in two-agent mode.
    pub supervisor_instructions: Option<String>,
    /// For the agent on WhatsApp.
    pub whatsapp_instructions: Option<String>,
    /// If true, channels with two agents use the manual text instead of the two.
    pub use_manual_instructions: bool,
}

impl AgentInstructions {
    /// The names of the fields, in the order of `agent show`.
    pub const FIELDS: &'static [&'static str] = &[
        "manual_ai_instructions",
        "receptionist_instructions",
        "supervisor_instructions",
        "whatsapp_instructions",
        USE_MANUAL,
    ];

    /// A layer without any text.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The text for `part`; a blank text is treated as absent.
    pub fn text(&self, part: InstructionPart) -> Option<&str> {
        let text = match part {
            InstructionPart::Manual => &self.manual_ai_instructions,
            InstructionPart::Receptionist => &self.receptionist_instructions,
            InstructionPart::Supervisor => &self.supervisor_instructions,
            InstructionPart::Whatsapp => &self.whatsapp_instructions,
        };
        text.as_deref().filter(|text| !text.trim().is_empty())
    }

    /// Sets the field `name` from text; a blank text clears it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] for an unknown field, a text that is too long or
    /// not plain, or a switch that is neither `true` nor `false`.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        if name == USE_MANUAL {
            self.use_manual_instructions = value.trim().parse().map_err(|_| {
                Error::bad_input(format!("{value:?} is not a value of {USE_MANUAL}"))
                    .hint("write true or false")
            })?;
            return Ok(());
        }
        let field = self.text_field(name)?;
        let text = long_text(name, value, MAX_INSTRUCTIONS)?;
        *field = Some(text).filter(|text| !text.trim().is_empty());
        Ok(())
    }

    /// Clears the field `name`, so that the layer below applies.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] for an unknown field.
    pub fn clear(&mut self, name: &str) -> Result<()> {
        if name == USE_MANUAL {
            self.use_manual_instructions = false;
        } else {
            *self.text_field(name)? = None;
        }
        Ok(())
    }

    /// Checks texts read from a file or the database.
    pub fn validate(&self) -> Result<()> {
        for part in InstructionPart::ALL {
            if let Some(text) = self.text(*part) {
                long_text(part.field(), text, MAX_INSTRUCTIONS)?;
            }
        }
        Ok(())
    }

    fn text_field(&mut self, name: &str) -> Result<&mut Option<String>> {
        match name {
            "manual_ai_instructions" => Ok(&mut self.manual_ai_instructions),
            "receptionist_instructions" => Ok(&mut self.receptionist_instructions),
            "supervisor_instructions" => Ok(&mut self.supervisor_instructions),
            "whatsapp_instructions" => Ok(&mut self.whatsapp_instructions),
            _ => Err(unknown_name("agent field", name, Self::FIELDS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_the_serialised_form() {
        let json = serde_json::to_value(AgentInstructions::empty()).unwrap();
        let mut names: Vec<&str> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut fields = AgentInstructions::FIELDS.to_vec();
        names.sort_unstable();
        fields.sort_unstable();
        assert_eq!(names, fields);
    }

    #[test]
    fn each_field_is_set_and_cleared_by_its_name() {
        for name in AgentInstructions::FIELDS {
            let mut agent = AgentInstructions::empty();
            agent.set(name, "true").unwrap();
            assert_ne!(agent, AgentInstructions::empty(), "{name}");
            agent.clear(name).unwrap();
            assert_eq!(agent, AgentInstructions::empty(), "{name}");
        }
    }

    #[test]
    fn a_text_is_found_under_its_part_and_a_blank_one_is_none() {
        for part in InstructionPart::ALL {
            let mut agent = AgentInstructions::empty();
            agent.set(part.field(), "Be kind.\r\n").unwrap();
            assert_eq!(agent.text(*part), Some("Be kind.\n"));
            agent.set(part.field(), " \n").unwrap();
            assert_eq!(agent, AgentInstructions::empty());
        }
    }

    #[test]
    fn mistakes_are_named() {
        let mut agent = AgentInstructions::empty();
        let error = agent.set("whatsap_instructions", "x").unwrap_err();
        assert!(
            error.hints()[0]
                .to_string()
                .contains("whatsapp_instructions")
        );
        assert!(agent.clear("nonsense").is_err());
        let error = agent.set("use_manual_instructions", "yes").unwrap_err();
        assert!(error.to_string().contains("\"yes\""));
        let long = "x".repeat(MAX_INSTRUCTIONS + 1);
        let error = agent.set("manual_ai_instructions", &long).unwrap_err();
        assert!(error.to_string().contains("100001"));
        assert_eq!(agent, AgentInstructions::empty());

        agent.whatsapp_instructions = Some("a\0b".into());
        assert!(
            agent
                .validate()
                .unwrap_err()
                .to_string()
                .contains("whatsapp_instructions")
        );
    }
}
