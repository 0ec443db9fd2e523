//! An operatory, and an operatory after a change.

use serde::Serialize;
use serde_json::json;

use crate::{
    commands::{
        booking::not_taken::NotTaken,
        changes::{self, KeyChange},
    },
    domain::{Organization, booking::Operatory},
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    run,
    services::booking::operatories::OperatoryChange,
};

/// An operatory, as shown by every command.
#[derive(Clone, Serialize)]
pub(super) struct OperatoryView {
    #[serde(flatten)]
    pub operatory: Operatory,
    /// The organization's time zone, for human-readable times.
    #[serde(skip)]
    pub zone: chrono_tz::Tz,
}

impl View for OperatoryView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("Name", style.bold(&self.operatory.name))
            .optional_field("External id", self.operatory.external_id.as_ref())
            .field("Id", self.operatory.id.to_string())
            .optional_field("Archived", self.operatory.archived_at.map(time))
            .field("Added", time(self.operatory.created_at));
        if let Some(notes) = &self.operatory.notes {
            page.heading("Notes").text(notes);
        }
    }
}

impl Record for OperatoryView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "external_id",
            "name",
            "notes",
            "archived_at",
            "created_at",
            "updated_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["NAME", "EXTERNAL ID", "ID"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let operatory = &self.operatory;
        vec![
            match operatory.archived_at {
                None => style.bold(&operatory.name),
                Some(_) => style.dim(format!("{} (archived)", operatory.name)),
            },
            Cell::optional(operatory.external_id.as_deref()),
            style.dim(operatory.id.to_string()),
        ]
    }
}

/// An operatory after it was added or updated.
#[derive(Serialize)]
pub(super) struct ChangedView {
    changed: bool,
    organization: String,
    changes: Vec<KeyChange>,
    #[serde(flatten)]
    view: OperatoryView,
    #[serde(skip)]
    is_new: bool,
    #[serde(skip)]
    not_taken: Option<String>,
}

impl ChangedView {
    pub(super) fn new(change: OperatoryChange, organization: &Organization) -> Self {
        let changes = match &change.before {
            Some(before) => changes::of_fields(&json!(before), &json!(change.operatory)),
            None => Vec::new(),
        };
        Self {
            changed: change.changed,
            organization: organization.slug.to_string(),
            changes,
            is_new: change.before.is_none(),
            not_taken: None,
            view: OperatoryView {
                operatory: change.operatory,
                zone: organization.time_zone.tz(),
            },
        }
    }

    /// Adds a warning about given values that differ from the stored ones and were ignored.
    #[must_use]
    pub(super) fn not_taken(mut self, not_taken: &NotTaken) -> Self {
        self.not_taken = not_taken.warning();
        self
    }
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        self.view.human(page);
    }

    fn summary(&self) -> Option<String> {
        let (name, organization) = (&self.view.operatory.name, &self.organization);
        Some(match (self.changed, self.is_new) {
            (false, _) => format!("operatory {name} is already up to date"),
            (true, true) => format!("added operatory {name} to {organization}"),
            (true, false) => changes::describe(
                &format!("updated operatory {name} of {organization}"),
                &self.changes,
            ),
        })
    }

    fn warnings(&self) -> Vec<Hint> {
        self.not_taken.iter().map(Hint::from).collect()
    }

    fn next(&self) -> Vec<Hint> {
        let (id, organization) = (self.view.operatory.id, &self.organization);
        if !self.is_new {
            return Vec::new();
        }
        vec![run!["operatory", "delete", id, "--org", organization].labeled("undo")]
    }
}
