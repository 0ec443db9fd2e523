//! A provider, and a provider after a change.

use serde::Serialize;
use serde_json::json;

use crate::{
    commands::{
        booking::not_taken::NotTaken,
        changes::{self, KeyChange},
    },
    domain::{Organization, booking::Provider},
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    run,
    services::booking::providers::ProviderChange,
};

/// A provider, as shown by every command.
#[derive(Clone, Serialize)]
pub(super) struct ProviderView {
    #[serde(flatten)]
    pub provider: Provider,
    /// The organization's time zone, for human-readable times.
    #[serde(skip)]
    pub zone: chrono_tz::Tz,
}

impl View for ProviderView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("Name", style.bold(&self.provider.name))
            .optional_field("Specialty", self.provider.specialty.as_ref())
            .optional_field(
                "Email",
                self.provider.email.as_ref().map(ToString::to_string),
            )
            .optional_field(
                "Phone",
                self.provider.phone.as_ref().map(ToString::to_string),
            )
            .optional_field("External id", self.provider.external_id.as_ref())
            .field("Id", self.provider.id.to_string())
            .optional_field("Archived", self.provider.archived_at.map(time))
            .field("Added", time(self.provider.created_at));
    }
}

impl Record for ProviderView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "external_id",
            "name",
            "specialty",
            "email",
            "phone",
            "archived_at",
            "created_at",
            "updated_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["NAME", "SPECIALTY", "EMAIL", "PHONE", "ID"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let provider = &self.provider;
        vec![
            match provider.archived_at {
                None => style.bold(&provider.name),
                Some(_) => style.dim(format!("{} (archived)", provider.name)),
            },
            Cell::optional(provider.specialty.as_deref()),
            Cell::optional(provider.email.as_ref().map(ToString::to_string)),
            Cell::optional(provider.phone.as_ref().map(ToString::to_string)),
            style.dim(provider.id.to_string()),
        ]
    }
}

/// A provider after it was added or updated.
#[derive(Serialize)]
pub(super) struct ChangedView {
    changed: bool,
    organization: String,
    changes: Vec<KeyChange>,
    #[serde(flatten)]
    view: ProviderView,
    #[serde(skip)]
    is_new: bool,
    #[serde(skip)]
    not_taken: Option<String>,
}

impl ChangedView {
    pub(super) fn new(change: ProviderChange, organization: &Organization) -> Self {
        let changes = match &change.before {
            Some(before) => changes::of_fields(&json!(before), &json!(change.provider)),
            None => Vec::new(),
        };
        Self {
            changed: change.changed,
            organization: organization.slug.to_string(),
            changes,
            is_new: change.before.is_none(),
            not_taken: None,
            view: ProviderView {
                provider: change.provider,
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
        let (name, organization) = (&self.view.provider.name, &self.organization);
        Some(match (self.changed, self.is_new) {
            (false, _) => format!("provider {name} is already up to date"),
            (true, true) => format!("added provider {name} to {organization}"),
            (true, false) => changes::describe(
                &format!("updated provider {name} of {organization}"),
                &self.changes,
            ),
        })
    }

    fn warnings(&self) -> Vec<Hint> {
        self.not_taken.iter().map(Hint::from).collect()
    }

    fn next(&self) -> Vec<Hint> {
        let (id, organization) = (self.view.provider.id, &self.organization);
        if !self.is_new {
            return Vec::new();
        }
        vec![
            run![
                "schedule",
                "defaults",
                "--provider",
                id,
                "--org",
                organization
            ],
            run!["provider", "delete", id, "--org", organization].labeled("undo"),
        ]
    }
}
