//! The answer to `call_inbound`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::domain::OrganizationId;

/// The answer to Retell before an incoming call starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboundAnswer {
    /// Variables of the agent's prompt: `{{name}}`.
    pub dynamic_variables: BTreeMap<String, String>,
    /// Metadata that Retell returns with every event of the call.
    pub metadata: Map<String, Value>,
    /// Overrides the agent of the number.
    pub override_agent_id: Option<String>,
}

impl InboundAnswer {
    /// Creates an answer with the organization in the metadata, against which later events are
    /// checked.
    pub fn of(organization: OrganizationId) -> Self {
        let mut answer = Self::default();
        let id = Value::String(organization.to_string());
        answer.metadata.insert("organization_id".to_owned(), id);
        answer
    }

    /// Adds a dynamic variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.dynamic_variables
            .insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the JSON that Retell expects. Empty values are omitted: an empty object declines the
    /// call if the number has no agent.
    pub fn to_json(&self) -> Value {
        let mut answer = Map::new();
        if !self.dynamic_variables.is_empty() {
            answer.insert("dynamic_variables".into(), json!(self.dynamic_variables));
        }
        if !self.metadata.is_empty() {
            answer.insert("metadata".into(), Value::Object(self.metadata.clone()));
        }
        if let Some(agent) = &self.override_agent_id {
            answer.insert("override_agent_id".into(), json!(agent));
        }
        json!({"call_inbound": answer})
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::webhook::route::Hint;

    #[test]
    fn the_answer_names_the_organization_that_comes_back() {
        let organization: OrganizationId = Uuid::from_u128(1).into();
        let mut answer = InboundAnswer::of(organization).with("greeting", "Grüezi");
        answer.override_agent_id = Some("agent_1".into());
        let json = answer.to_json();
        assert_eq!(
            json,
            json!({"call_inbound": {
                "dynamic_variables": {"greeting": "Grüezi"},
                "metadata": {"organization_id": organization},
                "override_agent_id": "agent_1",
            }})
        );
        let hint = Hint::read(&json["call_inbound"]["metadata"]["organization_id"]);
        assert_eq!(hint, Hint::Organization(organization));
        assert_eq!(
            InboundAnswer::default().to_json(),
            json!({"call_inbound": {}})
        );
    }
}
