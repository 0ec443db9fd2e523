//! A schedule, and a schedule after a change.

use serde::Serialize;
use serde_json::json;

use crate::{
    commands::{
        booking::names::Names,
        changes::{self, KeyChange},
    },
    domain::{
        Organization,
        booking::{Schedule, ScheduleKind},
    },
    hint::Hint,
    output::{Cell, Page, Record, Style, View},
    run,
    services::booking::schedules::ScheduleChange,
};

/// A schedule, as shown by every command.
#[derive(Clone, Serialize)]
pub(super) struct ScheduleView {
    #[serde(flatten)]
    schedule: Schedule,
    /// Name of the provider or operatory it applies to, or "the organization".
    #[serde(skip)]
    subject: String,
    /// The organization's time zone, for human-readable times of change.
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl ScheduleView {
    pub(super) fn new(schedule: Schedule, names: &Names, zone: chrono_tz::Tz) -> Self {
        let subject = match (schedule.provider_id, schedule.operatory_id) {
            (Some(id), _) => names.provider(id),
            (None, Some(id)) => names.operatory(id),
            (None, None) => "the organization".to_owned(),
        };
        Self {
            schedule,
            subject,
            zone,
        }
    }

    /// `true` if no provider can be booked during this schedule.
    fn closes_all(&self) -> bool {
        let Schedule {
            kind,
            provider_id,
            operatory_id,
            ..
        } = &self.schedule;
        matches!(kind, ScheduleKind::Holiday | ScheduleKind::Blockout)
            && provider_id.is_none()
            && operatory_id.is_none()
    }

    /// `monday`, `2026-12-24 to 2026-12-26`, `every day`.
    fn days(&self) -> String {
        let Schedule {
            weekday,
            valid_from,
            valid_until,
            kind,
            ..
        } = &self.schedule;
        let dates = match (valid_from, valid_until) {
            (Some(from), Some(until)) if from == until => Some(from.to_string()),
            (Some(from), Some(until)) => Some(format!("{from} to {until}")),
            (Some(from), None) => Some(format!("from {from}")),
            (None, Some(until)) => Some(format!("until {until}")),
            (None, None) => None,
        };
        let is_daily = *kind == ScheduleKind::Blockout && weekday.is_none();
        let weekday = weekday
            .map(|weekday| weekday.as_str())
            .or(is_daily.then_some("every day"));
        match (weekday, dates) {
            (Some(weekday), Some(dates)) => format!("{weekday}, {dates}"),
            (Some(weekday), None) => weekday.to_owned(),
            (None, dates) => dates.unwrap_or_default(),
        }
    }

    /// `weekly of Dr. Keller: monday, 09:00–17:00`
    pub(super) fn said(&self) -> String {
        let (kind, subject) = (self.schedule.kind, &self.subject);
        let when: Vec<String> = [Some(self.days()), self.hours()]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        format!("{kind} of {subject}: {}", when.join(", "))
    }

    fn hours(&self) -> Option<String> {
        let (start, end) = (self.schedule.start_time?, self.schedule.end_time?);
        Some(format!("{start}–{end}"))
    }
}

impl View for ScheduleView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.field("Kind", style.bold(self.schedule.kind.as_str()))
            .field("Of", self.subject.as_str())
            .field("Days", self.days())
            .optional_field("Hours", self.hours())
            .optional_field("Note", self.schedule.note.as_ref())
            .field("Id", self.schedule.id.to_string())
            .field(
                "Added",
                style.time(self.schedule.created_at, Some(self.zone)),
            );
    }
}

impl Record for ScheduleView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "kind",
            "provider_id",
            "operatory_id",
            "weekday",
            "valid_from",
            "valid_until",
            "start_time",
            "end_time",
            "note",
            "created_at",
            "updated_at",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["KIND", "OF", "DAYS", "HOURS", "NOTE", "ID"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(self.schedule.kind.as_str()),
            self.subject.as_str().into(),
            self.days().into(),
            Cell::optional(self.hours()),
            Cell::optional(self.schedule.note.as_deref()),
            style.dim(self.schedule.id.to_string()),
        ]
    }
}

/// A schedule after it was added or updated.
#[derive(Serialize)]
pub(super) struct ChangedView {
    changed: bool,
    organization: String,
    changes: Vec<KeyChange>,
    #[serde(flatten)]
    view: ScheduleView,
    #[serde(skip)]
    is_new: bool,
}

impl ChangedView {
    pub(super) fn new(change: ScheduleChange, names: &Names, organization: &Organization) -> Self {
        let changes = match &change.before {
            Some(before) => changes::of_fields(&json!(before), &json!(change.schedule)),
            None => Vec::new(),
        };
        Self {
            changed: change.changed,
            organization: organization.slug.to_string(),
            changes,
            is_new: change.before.is_none(),
            view: ScheduleView::new(change.schedule, names, organization.time_zone.tz()),
        }
    }
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        self.view.human(page);
    }

    fn summary(&self) -> Option<String> {
        let (id, organization) = (self.view.schedule.id, &self.organization);
        Some(match (self.changed, self.is_new) {
            (false, _) => format!("schedule {id} is already up to date"),
            (true, true) if self.view.closes_all() => {
                format!("added schedule {id} to {organization}; it closes the whole organization")
            }
            (true, true) => format!("added schedule {id} to {organization}"),
            (true, false) => changes::describe(
                &format!("updated schedule {id} of {organization}"),
                &self.changes,
            ),
        })
    }

    fn next(&self) -> Vec<Hint> {
        let (id, organization) = (self.view.schedule.id, &self.organization);
        if !self.changed {
            return Vec::new();
        }
        let mut next = vec![
            run!["schedule", "conflicts", "--org", organization]
                .labeled("find appointments outside the new hours"),
        ];
        if self.is_new {
            next.push(run!["schedule", "delete", id, "--org", organization].labeled("undo"));
        }
        next
    }
}
