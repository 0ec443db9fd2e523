//! Output of the verbs of `agent`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::Layer;
use crate::{
    commands::changes::{self, KeyChange},
    db::agents::StoredAgent,
    domain::{AgentInstructions, InstructionPart, Organization},
    hint::Hint,
    output::{Page, View},
    rfc3339, run,
    services::agents::AgentChange,
};

impl Layer {
    /// Builds the command for the instructions of this layer.
    pub(super) fn command<const N: usize>(self, words: [&str; N]) -> Hint {
        let noun: &[&str] = match self {
            Self::Organization => &["agent"],
            Self::Platform => &["agent", "system"],
        };
        Hint::run(noun.iter().copied()).args(words)
    }
}

/// The instructions of an organization, or of the platform.
#[derive(Serialize)]
pub(super) struct AgentView {
    /// The slug; `None` for the platform's defaults.
    organization: Option<String>,
    #[serde(flatten)]
    instructions: AgentInstructions,
    version: i64,
    #[serde(with = "rfc3339")]
    updated_at: DateTime<Utc>,
    #[serde(skip)]
    zone: Option<chrono_tz::Tz>,
}

impl AgentView {
    pub(super) fn new(organization: Option<&Organization>, agent: StoredAgent) -> Self {
        Self {
            organization: organization.map(|organization| organization.slug.to_string()),
            instructions: agent.instructions,
            version: agent.version,
            updated_at: agent.updated_at,
            zone: organization.map(|organization| organization.time_zone.tz()),
        }
    }
}

impl AgentView {
    /// Adds everything but the texts, which can be long.
    fn fields(&self, page: &mut Page) {
        let style = page.style();
        let subject = self.organization.as_deref().unwrap_or("the platform");
        let changed = style.time(self.updated_at, self.zone);
        page.field("Instructions of", style.bold(subject))
            .field(
                "use_manual_instructions",
                self.instructions.use_manual_instructions,
            )
            .field("Changed", format!("{changed}, version {}", self.version));
    }
}

impl View for AgentView {
    fn human(&self, page: &mut Page) {
        self.fields(page);
        let style = page.style();
        let below = match self.organization {
            Some(_) => "not set: the platform's default applies",
            None => "not set: the built-in text applies",
        };
        for part in InstructionPart::ALL {
            page.heading(part.field());
            match self.instructions.text(*part) {
                Some(text) => page.text(text),
                None => page.line(style.dim(below)),
            };
        }
    }
}

/// Result of a change of instructions.
#[derive(Serialize)]
pub(super) struct ChangedView {
    /// `false` if nothing changed.
    changed: bool,
    changes: Vec<KeyChange>,
    #[serde(flatten)]
    agent: AgentView,
    #[serde(skip)]
    next: Vec<Hint>,
}

impl ChangedView {
    pub(super) fn new(layer: Layer, change: AgentChange) -> Self {
        let AgentChange {
            organization,
            before,
            after,
        } = change;
        let changes = KeyChange::between(&json!(before.instructions), &json!(after.instructions));
        let agent = AgentView::new(organization.as_ref(), after);
        let org = agent.organization.as_deref();
        let undo = |change| {
            let command = undo(layer, change);
            match org {
                Some(slug) => command.args(["--org", slug]),
                None => command,
            }
        };
        Self {
            changed: !changes.is_empty(),
            next: changes.iter().map(undo).collect(),
            changes,
            agent,
        }
    }
}

/// Returns the command that restores the old value, or the place where it is found if it is too
/// long for a command.
fn undo(layer: Layer, change: &KeyChange) -> Hint {
    let key = &change.key;
    match (&change.before, changes::argument(&change.before)) {
        (Value::Null, _) => layer.command(["clear", key]).labeled("undo"),
        (_, Some(text)) => layer.command(["set", key, &text]).labeled("undo"),
        (_, None) => {
            let log = run!["activity", "list", "--action"].labeled("the text before");
            match layer {
                Layer::Organization => log.args(["agent.update"]),
                Layer::Platform => log.args(["agent.update_system", "--platform"]),
            }
        }
    }
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        self.agent.fields(page);
    }

    fn summary(&self) -> Option<String> {
        let subject = match &self.agent.organization {
            Some(slug) => format!("the instructions of {slug}"),
            None => "the platform's instructions".to_owned(),
        };
        Some(if self.changed {
            changes::describe(&format!("updated {subject}"), &self.changes)
        } else {
            format!("{subject} are already up to date")
        })
    }

    fn next(&self) -> Vec<Hint> {
        self.next.clone()
    }
}
