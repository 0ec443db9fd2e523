//! A row, and a row after a change.

use serde::Serialize;
use serde_json::json;

use super::Noun;
use crate::{
    commands::changes::{self, KeyChange},
    db::Table,
    domain::{
        Organization,
        booking::{Duplicate, fields::Fields},
    },
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    run,
    services::booking::resources::Changed,
};

/// The label of a field that is shown as a text below the others.
const NOTES: &str = "Notes";

/// A row, as shown by every command.
#[derive(Clone, Serialize)]
pub struct RowView<R> {
    #[serde(flatten)]
    pub row: R,
    /// The organization's time zone, for human-readable times.
    #[serde(skip)]
    pub zone: chrono_tz::Tz,
}

impl<R: Noun> View for RowView<R> {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let time = |at| style.time(at, Some(self.zone));
        page.field("Name", style.bold(self.row.title()));
        let mut notes = None;
        for (label, value) in R::Fields::shown(&self.row) {
            match label {
                NOTES => notes = value,
                _ => {
                    page.optional_field(label, value);
                }
            }
        }
        page.field("Id", self.row.id().to_string())
            .optional_field("Archived", self.row.archived_at().map(time))
            .field("Added", time(self.row.created_at()));
        if let Some(notes) = notes {
            page.heading(NOTES).text(notes);
        }
    }
}

impl<R: Noun> Record for RowView<R> {
    fn fields() -> &'static [&'static str] {
        <R as Table>::COLUMNS
    }

    fn columns() -> &'static [&'static str] {
        R::HEADER
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let title = self.row.sorted_title();
        let title = match self.row.archived_at() {
            None => style.bold(title),
            Some(_) => style.dim(format!("{title} (archived)")),
        };
        let id = style.dim(self.row.id().to_string());
        let between = self.row.cells(style);
        [title].into_iter().chain(between).chain([id]).collect()
    }
}

/// A row after it was added or updated.
#[derive(Serialize)]
pub struct ChangedView<R> {
    changed: bool,
    organization: String,
    #[serde(flatten)]
    detail: Detail,
    #[serde(flatten)]
    view: RowView<R>,
    #[serde(skip)]
    is_new: bool,
    #[serde(skip)]
    ignored: Vec<&'static str>,
}

/// The changed fields.
#[derive(Serialize)]
#[serde(untagged)]
enum Detail {
    Values {
        changes: Vec<KeyChange>,
    },
    /// Without values, which may be personal data.
    Names {
        changed_fields: Vec<&'static str>,
        /// Rows that may be the same person.
        possible_duplicates: Vec<Duplicate>,
    },
}

impl<R: Noun> ChangedView<R> {
    pub(super) fn new(changed: Changed<R>, organization: &Organization) -> Self {
        let detail = match (R::IS_PERSONAL, &changed.before) {
            (true, _) => Detail::Names {
                changed_fields: changed.fields,
                possible_duplicates: changed.duplicates,
            },
            (false, Some(before)) => Detail::Values {
                changes: changes::of_fields(&json!(before), &json!(changed.row)),
            },
            (false, None) => Detail::Values {
                changes: Vec::new(),
            },
        };
        Self {
            changed: changed.changed,
            organization: organization.slug.to_string(),
            detail,
            is_new: changed.before.is_none(),
            ignored: changed.ignored,
            view: RowView {
                row: changed.row,
                zone: organization.time_zone.tz(),
            },
        }
    }

    /// The row in a message.
    fn subject(&self) -> String {
        let noun = R::NOUN.one;
        match R::IS_PERSONAL {
            true => format!("{noun} {}", self.view.row.id()),
            false => format!("{noun} {}", self.view.row.title()),
        }
    }
}

impl<R: Noun> View for ChangedView<R> {
    fn human(&self, page: &mut Page) {
        self.view.human(page);
    }

    fn summary(&self) -> Option<String> {
        let (subject, organization) = (self.subject(), &self.organization);
        Some(match (self.changed, self.is_new, &self.detail) {
            (false, ..) => format!("{subject} is already up to date"),
            (true, true, _) => format!("added {subject} to {organization}"),
            (true, false, Detail::Values { changes }) => {
                changes::describe(&format!("updated {subject} of {organization}"), changes)
            }
            (true, false, Detail::Names { changed_fields, .. }) => format!(
                "updated {subject} of {organization}: {}",
                changed_fields.join(", ")
            ),
        })
    }

    fn warnings(&self) -> Vec<Hint> {
        let mut warnings = Vec::new();
        if !self.ignored.is_empty() {
            let ignored = self.ignored.join(", ");
            let warning =
                format!("already exists; these values differ and were ignored: {ignored}");
            warnings.push(Hint::from(warning));
        }
        if let Detail::Names {
            possible_duplicates,
            ..
        } = &self.detail
        {
            let noun = R::NOUN.one;
            warnings.extend(possible_duplicates.iter().map(|one| {
                let (id, same) = (one.patient_id, one.same.join(", "));
                Hint::from(format!(
                    "{noun} {id} may be the same person: the same {same}"
                ))
            }));
        }
        warnings
    }

    fn next(&self) -> Vec<Hint> {
        if !self.is_new {
            return Vec::new();
        }
        let (id, organization) = (self.view.row.id(), &self.organization);
        let undo = run![R::NOUN.one, "delete", id, "--org", organization].labeled("undo");
        let mut next = self.view.row.next(organization);
        next.push(undo);
        next
    }
}
