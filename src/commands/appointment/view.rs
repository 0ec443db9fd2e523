//! Display of an appointment.

use serde::Serialize;

use crate::{
    commands::booking::span,
    domain::booking::{Appointment, AppointmentEntry, AppointmentStatus},
    output::{Cell, Page, Record, Style, View},
};

/// An appointment, as printed by list and show.
#[derive(Clone, Serialize)]
pub(super) struct AppointmentView {
    #[serde(flatten)]
    pub entry: AppointmentEntry,
    /// The organization's time zone, for display.
    #[serde(skip)]
    pub zone: chrono_tz::Tz,
}

fn status_cell(style: &Style, status: AppointmentStatus) -> Cell {
    let text = status.as_str();
    match status {
        AppointmentStatus::Scheduled => text.into(),
        AppointmentStatus::Confirmed | AppointmentStatus::Completed => style.ok(text),
        AppointmentStatus::Broken => style.bad(text),
        AppointmentStatus::Cancelled => style.dim(text),
    }
}

/// `2026-11-30 09:00 CET until 09:30`
pub(super) fn when(style: &Style, appointment: &Appointment, zone: chrono_tz::Tz) -> String {
    let until = span::until(appointment.starts_at, appointment.ends_at, zone);
    let starts = style.time(appointment.starts_at, Some(zone));
    format!("{starts} until {until}")
}

impl View for AppointmentView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let AppointmentEntry { appointment, .. } = &self.entry;
        page.field("When", style.bold(when(&style, appointment, self.zone)))
            .field("Patient", &self.entry.patient_name)
            .field("Provider", &self.entry.provider_name)
            .optional_field("Operatory", self.entry.operatory_name.as_ref());
        details(page, appointment);
        if let Some(notes) = &appointment.notes {
            page.heading("Notes").text(notes);
        }
    }
}

pub(super) fn details(page: &mut Page, appointment: &Appointment) {
    let style = page.style();
    page.field("Status", status_cell(&style, appointment.status))
        .optional_field("Broken because", appointment.broken_reason.as_ref())
        .optional_field("Service", appointment.service.as_ref())
        .optional_field("External id", appointment.external_id.as_ref())
        .field("Id", appointment.id.to_string());
}

impl Record for AppointmentView {
    fn fields() -> &'static [&'static str] {
        &[
            "id",
            "external_id",
            "patient_id",
            "provider_id",
            "operatory_id",
            "starts_at",
            "ends_at",
            "status",
            "service",
            "notes",
            "broken_reason",
            "created_at",
            "updated_at",
            "patient_name",
            "provider_name",
            "operatory_name",
        ]
    }

    fn columns() -> &'static [&'static str] {
        &["WHEN", "PATIENT", "PROVIDER", "OPERATORY", "STATUS", "ID"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let AppointmentEntry { appointment, .. } = &self.entry;
        vec![
            style.bold(when(style, appointment, self.zone)),
            self.entry.patient_name.as_str().into(),
            self.entry.provider_name.as_str().into(),
            Cell::optional(self.entry.operatory_name.as_deref()),
            status_cell(style, appointment.status),
            style.dim(appointment.id.to_string()),
        ]
    }
}
