//! The agenda of a day: a row for each time at which something starts, a column for each provider.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::view::AppointmentView;
use crate::{
    domain::{
        Organization, ProviderId,
        booking::{Appointment, AppointmentStatus, Weekday},
    },
    output::{Cell, Page, Style, View},
};

/// The appointments of a date, for a person; never serialised, because a program gets the list.
#[derive(Serialize)]
pub(super) struct Agenda {
    date: NaiveDate,
    appointments: Vec<AppointmentView>,
    #[serde(skip)]
    zone: chrono_tz::Tz,
    #[serde(skip)]
    organization: String,
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
        }
    }

    /// The providers who have something on that day, by name.
    fn providers(&self) -> Vec<(ProviderId, &str)> {
        let entries = self.appointments.iter().map(|view| &view.entry);
        let by_id: BTreeMap<ProviderId, &str> = entries
            .map(|entry| (entry.appointment.provider_id, entry.provider_name.as_str()))
            .collect();
        let mut providers: Vec<_> = by_id.into_iter().collect();
        providers.sort_by_key(|(id, name)| (*name, *id));
        providers
    }

    /// What starts at a time with a provider.
    fn cell(&self, style: &Style, at: DateTime<Utc>, provider: ProviderId) -> Cell {
        let here = self.appointments.iter().filter(|view| {
            let appointment = &view.entry.appointment;
            appointment.starts_at == at && appointment.provider_id == provider
        });
        let lines: Vec<(String, AppointmentStatus)> = here
            .map(|view| (self.describe(view), view.entry.appointment.status))
            .collect();
        let texts: Vec<&str> = lines.iter().map(|(text, _)| text.as_str()).collect();
        let text = texts.join("\n");
        match lines.iter().find(|(_, status)| status.occupies()) {
            _ if lines.is_empty() => Cell::default(),
            Some((_, AppointmentStatus::Confirmed)) => style.ok(text),
            Some(_) => text.into(),
            None => style.dim(text),
        }
    }

    fn describe(&self, view: &AppointmentView) -> String {
        let entry = &view.entry;
        let Appointment {
            ends_at, status, ..
        } = entry.appointment;
        let until = ends_at.with_timezone(&self.zone).format("%H:%M");
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
        page.line(style.bold(format!("{}, {weekday} {date}", self.organization)));
        if self.appointments.is_empty() {
            page.line(style.dim("no appointments"));
            return;
        }
        let providers = self.providers();
        let times: BTreeSet<DateTime<Utc>> = self
            .appointments
            .iter()
            .map(|view| view.entry.appointment.starts_at)
            .collect();
        let mut columns = vec!["TIME"];
        columns.extend(providers.iter().map(|(_, name)| *name));
        let rows: Vec<Vec<Cell>> = times
            .into_iter()
            .map(|at| {
                let local = at.with_timezone(&self.zone);
                // What began on the day before is under way at midnight.
                let shown = match local.date_naive() == self.date {
                    true => local.format("%H:%M").to_string(),
                    false => local.format("%Y-%m-%d %H:%M").to_string(),
                };
                let cells = providers.iter().map(|(id, _)| self.cell(&style, at, *id));
                std::iter::once(style.bold(shown)).chain(cells).collect()
            })
            .collect();
        page.table(&columns, &rows);
        page.line(style.dim(format!("on the clock of {}", self.zone.name())));
    }
}
