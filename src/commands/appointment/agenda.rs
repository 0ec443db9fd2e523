//! The agenda of a day, with a row for each starting time and a column for each provider.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::view::AppointmentView;
use crate::{
    commands::booking::span,
    domain::{
        Organization, ProviderId,
        booking::{Appointment, AppointmentStatus, Weekday},
    },
    output::{Cell, Page, Style, View},
    run,
};

/// The appointments of a date, for display. It is never serialized, because programs get the list.
#[derive(Serialize)]
pub(super) struct Agenda {
    date: NaiveDate,
    appointments: Vec<AppointmentView>,
    #[serde(skip)]
    zone: chrono_tz::Tz,
    #[serde(skip)]
    organization: String,
    #[serde(skip)]
    slug: String,
}

impl Agenda {
    pub(super) fn new(
        date: NaiveDate,
        appointments: Vec<AppointmentView>,
        organization: &Organization,
    ) -> Self {
        Self {
            date,
            appointments,
            zone: organization.time_zone.tz(),
            organization: organization.name.clone(),
            slug: organization.slug.to_string(),
        }
    }

    /// Returns the providers with appointments on that day, by name.
    fn providers(&self) -> Vec<(ProviderId, &str)> {
        let entries = self.appointments.iter().map(|view| &view.entry);
        let by_id: BTreeMap<ProviderId, &str> = entries
            .map(|entry| (entry.appointment.provider_id, entry.provider_name.as_str()))
            .collect();
        let mut providers: Vec<_> = by_id.into_iter().collect();
        providers.sort_by_key(|(id, name)| (*name, *id));
        providers
    }

    /// Returns the appointments of a provider that start at a time. There are several if one was
    /// broken and replaced.
    fn cells(&self, style: &Style, at: DateTime<Utc>, provider: ProviderId) -> Vec<Cell> {
        let here = self.appointments.iter().filter(|view| {
            let appointment = &view.entry.appointment;
            appointment.starts_at == at && appointment.provider_id == provider
        });
        here.map(|view| {
            let (text, status) = (self.describe(view), view.entry.appointment.status);
            match status {
                AppointmentStatus::Confirmed => style.ok(text),
                status if status.occupies() => text.into(),
                _ => style.dim(text),
            }
        })
        .collect()
    }

    /// Returns the rows of a time: one, or more if a provider has several appointments then.
    fn rows(
        &self,
        style: &Style,
        at: DateTime<Utc>,
        providers: &[(ProviderId, &str)],
    ) -> Vec<Vec<Cell>> {
        let columns = providers.iter().map(|(id, _)| self.cells(style, at, *id));
        let columns: Vec<Vec<Cell>> = columns.collect();
        let height = columns.iter().map(Vec::len).max().unwrap_or_default();
        let time = span::on_date(at, self.date, self.zone);
        (0..height)
            .map(|row| {
                let cells = columns.iter();
                let cells = cells.map(|column| column.get(row).cloned().unwrap_or_default());
                std::iter::once(style.bold(&time)).chain(cells).collect()
            })
            .collect()
    }

    fn describe(&self, view: &AppointmentView) -> String {
        let entry = &view.entry;
        let Appointment {
            starts_at,
            ends_at,
            status,
            ..
        } = entry.appointment;
        let until = span::until(starts_at, ends_at, self.zone);
        let mut text = format!("{} until {until}", entry.patient_name);
        if let Some(service) = &entry.appointment.service {
            text.push_str(&format!(", {service}"));
        }
        if let Some(room) = &entry.operatory_name {
            text.push_str(&format!(", {room}"));
        }
        if status != AppointmentStatus::Scheduled {
            text.push_str(&format!(" ({status})"));
        }
        text
    }
}

impl View for Agenda {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let (date, weekday) = (self.date, Weekday::of(self.date));
        if self.appointments.is_empty() {
            return;
        }
        page.line(style.bold(format!("{}, {weekday} {date}", self.organization)));
        let providers = self.providers();
        let times: BTreeSet<DateTime<Utc>> = self
            .appointments
            .iter()
            .map(|view| view.entry.appointment.starts_at)
            .collect();
        let mut columns = vec!["TIME"];
        columns.extend(providers.iter().map(|(_, name)| *name));
        let rows = times.into_iter();
        let rows: Vec<Vec<Cell>> = rows
            .flat_map(|at| self.rows(&style, at, &providers))
            .collect();
        page.table(&columns, &rows);
        page.line(style.dim(format!("in the time zone {}", self.zone.name())));
        let (date, slug) = (self.date, &self.slug);
        let count = self.appointments.len();
        let listed = run![
            "appointment",
            "list",
            "--day",
            date,
            "--limit",
            count,
            "--org",
            slug
        ];
        page.line(style.dim(page.complete(&listed.labeled("with ids"))));
    }
    fn summary(&self) -> Option<String> {
        let (slug, date, weekday) = (&self.slug, self.date, Weekday::of(self.date));
        let is_empty = self.appointments.is_empty();
        is_empty.then(|| format!("{slug} has no appointment on {weekday} {date}"))
    }
}
