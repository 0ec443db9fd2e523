//! A patient, and a patient after a change.

use serde::Serialize;

use crate::{
    commands::booking::not_taken::NotTaken,
    domain::{
        Organization,
        booking::{Duplicate, Patient},
    },
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    run,
    services::booking::patients::PatientChange,
};

/// A patient, as shown by every command.
#[derive(Clone, Serialize)]
pub(super) struct PatientView {
    #[serde(flatten)]
    pub patient: Patient,
    /// The organization's time zone, for human-readable times.
    #[serde(skip)]
    pub zone: chrono_tz::Tz,
}

impl View for PatientView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let Patient {
            first_name,
            last_name,
            ..
        } = &self.patient;
        let time = |at| style.time(at, Some(self.zone));
        page.field("Name", style.bold(format!("{first_name} {last_name}")))
            .optional_field("Born", self.patient.birth_date.map(|date| date.to_string()))
            .optional_field(
                "Phone",
                self.patient.phone.as_ref().map(ToString::to_string),
            )
            .optional_field(
                "Email",
                self.patient.email.as_ref().map(ToString::to_string),
            )
            .optional_field(
                "Language",
                self.patient.language.as_ref().map(ToString::to_string),
            )
            .optional_field("External id", self.patient.external_id.as_ref())
            .field("Id", self.patient.id.to_string())
            .optional_field("Archived", self.patient.archived_at.map(time))
            .field("Added", time(self.patient.created_at));
        if let Some(notes) = &self.patient.notes {
            page.heading("Notes").text(notes);
        }
    }
}

impl Record for PatientView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "external_id",
            "first_name",
            "last_name",
            "birth_date",
            "phone",
            "email",
            "language",
            "notes",
            "archived_at",
            "created_at",
            "updated_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["NAME", "BORN", "PHONE", "EMAIL", "ID"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let patient = &self.patient;
        let name = format!("{}, {}", patient.last_name, patient.first_name);
        vec![
            match patient.archived_at {
                None => style.bold(name),
                Some(_) => style.dim(format!("{name} (archived)")),
            },
            Cell::optional(patient.birth_date.map(|date| date.to_string())),
            Cell::optional(patient.phone.as_ref().map(ToString::to_string)),
            Cell::optional(patient.email.as_ref().map(ToString::to_string)),
            style.dim(patient.id.to_string()),
        ]
    }
}

/// A patient after being added or updated.
#[derive(Serialize)]
pub(super) struct ChangedView {
    changed: bool,
    organization: String,
    changed_fields: Vec<&'static str>,
    /// Patients who may be the same person.
    possible_duplicates: Vec<Duplicate>,
    #[serde(flatten)]
    view: PatientView,
    #[serde(skip)]
    is_new: bool,
    #[serde(skip)]
    not_taken: Option<String>,
}

impl ChangedView {
    pub(super) fn new(change: PatientChange, is_new: bool, organization: &Organization) -> Self {
        Self {
            is_new: is_new && change.changed,
            not_taken: None,
            changed: change.changed,
            organization: organization.slug.to_string(),
            changed_fields: change.changed_fields,
            possible_duplicates: change.possible_duplicates,
            view: PatientView {
                patient: change.patient,
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
        let (id, organization) = (self.view.patient.id, &self.organization);
        Some(match (self.changed, self.is_new) {
            (false, _) => format!("patient {id} is already up to date"),
            (true, true) => format!("added patient {id} to {organization}"),
            (true, false) => format!(
                "updated patient {id} of {organization}: {}",
                self.changed_fields.join(", ")
            ),
        })
    }

    fn warnings(&self) -> Vec<Hint> {
        let duplicate = |one: &Duplicate| {
            format!(
                "patient {} may be the same person: the same {}",
                one.patient_id,
                one.same.join(", ")
            )
        };
        let duplicates = self.possible_duplicates.iter().map(duplicate);
        let not_taken = self.not_taken.iter().map(Hint::from);
        not_taken.chain(duplicates.map(Hint::from)).collect()
    }

    fn next(&self) -> Vec<Hint> {
        let (id, organization) = (self.view.patient.id, &self.organization);
        if !self.is_new {
            return Vec::new();
        }
        vec![
            run![
                "appointment",
                "create",
                "--patient",
                id,
                "--org",
                organization
            ],
            run!["patient", "delete", id, "--org", organization].labeled("undo"),
        ]
    }
}
