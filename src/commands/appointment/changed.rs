//! Result of a change of an appointment.

use serde::Serialize;
use serde_json::json;

use super::view::{details, when};
use crate::{
    commands::{
        booking::names::Names,
        changes::{self, KeyChange},
    },
    domain::{
        Organization,
        booking::{Appointment, AppointmentStatus},
    },
    hint::Hint,
    output::{Page, Style, View},
    run,
    services::booking::appointments::AppointmentChange,
};

/// An appointment after a change.
#[derive(Serialize)]
pub(super) struct ChangedView {
    changed: bool,
    organization: String,
    changes: Vec<KeyChange>,
    #[serde(flatten)]
    appointment: Appointment,
    #[serde(skip)]
    before: Option<Appointment>,
    #[serde(skip)]
    verb: &'static str,
    #[serde(skip)]
    names: Names,
    #[serde(skip)]
    zone: chrono_tz::Tz,
}

impl ChangedView {
    pub(super) fn new(
        change: AppointmentChange,
        verb: &'static str,
        names: Names,
        organization: &Organization,
    ) -> Self {
        let changes = match &change.before {
            Some(before) => changes::of_fields(&json!(before), &json!(change.appointment)),
            None => Vec::new(),
        };
        Self {
            changed: change.changed,
            organization: organization.slug.to_string(),
            changes,
            appointment: change.appointment,
            before: change.before,
            verb,
            names,
            zone: organization.time_zone.tz(),
        }
    }

    fn operatory(&self, appointment: &Appointment) -> Option<String> {
        let id = appointment.operatory_id?;
        Some(self.names.operatory(id))
    }

    /// Returns the differences. Time, patient, provider, operatory and status are shown with the
    /// old and the new value; texts may reveal health data, so only their names are shown.
    fn differences(&self, before: &Appointment) -> Vec<String> {
        let (after, style) = (&self.appointment, Style::default());
        let values = |one: &Appointment| {
            let none = || "none".to_owned();
            [
                ("when", when(&style, one, self.zone)),
                ("provider", self.names.provider(one.provider_id)),
                ("operatory", self.operatory(one).unwrap_or_else(none)),
                ("status", one.status.to_string()),
            ]
        };
        let named = [
            "starts_at",
            "ends_at",
            "provider_id",
            "operatory_id",
            "status",
        ];
        let fields = self.changes.iter().map(|change| change.key.as_str());
        let others = fields.filter(|field| !named.contains(field));
        std::iter::zip(values(before), values(after))
            .filter(|((_, old), (_, new))| old != new)
            .map(|((label, old), (_, new))| format!("{label}: {old} → {new}"))
            .chain(others.map(str::to_owned))
            .collect()
    }

    /// Returns the command that reverts a move.
    fn move_back(&self, before: &Appointment) -> Option<Hint> {
        let after = &self.appointment;
        let Appointment { id, status, .. } = after;
        let mut flags = Vec::new();
        let mut flag = |name: &str, value: String| flags.extend([name.to_owned(), value]);
        if before.starts_at != after.starts_at {
            let at = before.starts_at.with_timezone(&self.zone);
            flag("--at", at.format("%Y-%m-%dT%H:%M%:z").to_string());
        }
        if before.length() != after.length() {
            flag("--length", before.length().num_minutes().to_string());
        }
        if before.provider_id != after.provider_id {
            flag("--provider", before.provider_id.to_string());
        }
        if before.operatory_id != after.operatory_id {
            match before.operatory_id {
                Some(id) => flag("--operatory", id.to_string()),
                None => flag("--clear", "operatory".to_owned()),
            }
        }
        let is_moved = !flags.is_empty() && before.status == *status;
        is_moved.then(|| {
            run!["appointment", "update", id]
                .args(flags)
                .args(["--org", self.organization.as_str()])
                .labeled("undo")
        })
    }
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let appointment = &self.appointment;
        page.field("When", style.bold(when(&style, appointment, self.zone)))
            .field("Provider", self.names.provider(appointment.provider_id))
            .optional_field("Operatory", self.operatory(appointment));
        details(page, appointment);
    }

    fn summary(&self) -> Option<String> {
        let (id, organization) = (self.appointment.id, &self.organization);
        Some(match &self.before {
            _ if !self.changed => {
                format!("appointment {id} is already up to date")
            }
            None => format!("booked appointment {id} in {organization}"),
            Some(before) => {
                let verb = self.verb;
                let heading = format!("{verb} appointment {id} of {organization}:");
                match self.differences(before).as_slice() {
                    [only] => format!("{heading} {only}"),
                    several => format!("{heading}\n  {}", several.join("\n  ")),
                }
            }
        })
    }

    fn next(&self) -> Vec<Hint> {
        let (id, organization) = (self.appointment.id, &self.organization);
        match (&self.before, self.appointment.status) {
            _ if !self.changed => Vec::new(),
            (None, _) => vec![
                run!["appointment", "confirm", id, "--org", organization],
                run!["appointment", "delete", id, "--org", organization].labeled("undo"),
            ],
            (Some(_), AppointmentStatus::Broken | AppointmentStatus::Cancelled) => {
                vec![
                    run![
                        "appointment",
                        "update",
                        id,
                        "--status",
                        "scheduled",
                        "--org",
                        organization
                    ]
                    .labeled("book it again"),
                ]
            }
            (Some(before), _) => self.move_back(before).into_iter().collect(),
        }
    }
}
