//! Whose an event is: what says so has to agree.

use serde_json::Value;

use crate::domain::OrganizationId;

/// What the metadata of a call says of its organization.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hint {
    /// Nothing.
    Absent,
    /// This one.
    Organization(OrganizationId),
    /// Something that is no id of ours.
    Malformed,
}

impl Hint {
    /// Reads `metadata.organization_id`. Null and an empty text say nothing.
    pub fn read(value: &Value) -> Self {
        match value {
            Value::Null => Self::Absent,
            Value::String(text) if text.trim().is_empty() => Self::Absent,
            Value::String(text) => text
                .trim()
                .parse()
                .map_or(Self::Malformed, Self::Organization),
            _ => Self::Malformed,
        }
    }
}

/// All that says whose an event is.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// Whose endpoint it came to, signed with that endpoint's secret.
    pub endpoint: OrganizationId,
    /// Who configured the agent; empty where the event names none, or nobody did.
    pub by_agent: &'a [OrganizationId],
    /// Who configured [`super::Event::own_number`]; likewise.
    pub by_number: &'a [OrganizationId],
    pub hint: Hint,
}

named_enum! {
    /// Why it is not clear whose an event is.
    pub enum Conflict as "conflict" {
        Agent = "agent", "The agent is configured by another organization, or by several.";
        Number = "number", "The number is configured by another organization, or by several.";
        Hint = "hint", "The metadata names another organization.";
        HintMalformed = "hint_malformed", "The metadata names something that is no organization.";
    }
}

/// Where an event goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    /// All that says something says this.
    Agreed(OrganizationId),
    /// Nobody gets it until a person has looked.
    Quarantined { conflicts: Vec<Conflict> },
}

/// Decides whose an event is.
///
/// Silence disagrees with nobody: an agent that no organization has configured, a web call without
/// numbers. Metadata never decides, but it may contradict; one that names something else than an
/// organization id does, because the id in it is ours, written by [`super::InboundAnswer`]: what
/// is not, was put there by somebody who means another call.
pub fn route(evidence: &Evidence<'_>) -> Route {
    let is_other = |found: &[OrganizationId]| found.iter().any(|id| *id != evidence.endpoint);
    let mut conflicts = Vec::new();
    if is_other(evidence.by_agent) {
        conflicts.push(Conflict::Agent);
    }
    if is_other(evidence.by_number) {
        conflicts.push(Conflict::Number);
    }
    match evidence.hint {
        Hint::Organization(id) if id != evidence.endpoint => conflicts.push(Conflict::Hint),
        Hint::Malformed => conflicts.push(Conflict::HintMalformed),
        Hint::Organization(_) | Hint::Absent => {}
    }
    if conflicts.is_empty() {
        Route::Agreed(evidence.endpoint)
    } else {
        Route::Quarantined { conflicts }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> OrganizationId {
        Uuid::from_u128(number).into()
    }

    /// Every combination of what can be found.
    #[test]
    fn any_two_that_disagree_quarantine() {
        let (a, b) = (id(1), id(2));
        let found: [&[OrganizationId]; 4] = [&[], &[a], &[b], &[a, b]];
        let hints = [
            Hint::Absent,
            Hint::Organization(a),
            Hint::Organization(b),
            Hint::Malformed,
        ];
        for by_agent in found {
            for by_number in found {
                for hint in hints {
                    let evidence = Evidence {
                        endpoint: a,
                        by_agent,
                        by_number,
                        hint,
                    };
                    let mut expected = Vec::new();
                    if by_agent.contains(&b) {
                        expected.push(Conflict::Agent);
                    }
                    if by_number.contains(&b) {
                        expected.push(Conflict::Number);
                    }
                    match hint {
                        Hint::Organization(id) if id == b => expected.push(Conflict::Hint),
                        Hint::Malformed => expected.push(Conflict::HintMalformed),
                        _ => {}
                    }
                    match route(&evidence) {
                        Route::Agreed(to) => assert!(expected.is_empty() && to == a),
                        Route::Quarantined { conflicts } => assert_eq!(conflicts, expected),
                    }
                }
            }
        }
    }

    #[test]
    fn hints_are_read() {
        let organization = id(7);
        for (value, hint) in [
            (json!(null), Hint::Absent),
            (json!("  "), Hint::Absent),
            (
                json!(organization.to_string()),
                Hint::Organization(organization),
            ),
            (json!("clinic-north"), Hint::Malformed),
            (json!(7), Hint::Malformed),
            (json!([organization]), Hint::Malformed),
        ] {
            assert_eq!(Hint::read(&value), hint, "{value}");
        }
    }
}
