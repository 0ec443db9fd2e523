//! Rows of appointments.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Cells, RowSink,
    references::{OPERATORY, PATIENT, PROVIDER, Reference},
    sink::Faults,
};
use crate::domain::booking::{AppointmentStatus, appointment::LONGEST, text};

const PATIENT_CELL: usize = 1;
const PROVIDER_CELL: usize = 2;
const STARTS_AT: usize = 4;
const ENDS_AT: usize = 5;
const LENGTH: usize = 6;
const BROKEN_REASON: usize = 10;

pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    let external_id = cells.name(0, "external_id", faults);
    cells.require(PATIENT_CELL, "patient", faults);
    cells.require(PROVIDER_CELL, "provider", faults);
    cells.require(STARTS_AT, "starts_at", faults);
    let starts_at = cells.moment(STARTS_AT, "starts_at", faults);
    let ends_at = end(cells, starts_at, faults);
    let status = cells.keyword::<AppointmentStatus>(
        7,
        "status",
        "must be one of scheduled, confirmed, completed, broken, cancelled",
        faults,
    );
    let service = cells.name(8, "service", faults);
    let notes = cells.notes(9, "notes", faults);
    let reason = reason(cells, status, faults);

    sink.text("external_id", external_id.as_deref());
    if sink.wants_derived() {
        Reference::to_patient(cells, PATIENT_CELL).stage(&PATIENT, sink);
        Reference::to_resource(cells, PROVIDER_CELL).stage(&PROVIDER, sink);
        Reference::to_resource(cells, 3).stage(&OPERATORY, sink);
    }
    sink.time("starts_at", starts_at);
    sink.time("ends_at", ends_at);
    sink.text("status", status.map(AppointmentStatus::as_str));
    sink.text("service", service.as_deref());
    sink.text("notes", notes.as_deref());
    sink.text("broken_reason", reason.as_deref());
    sink.uuid("found", None);
    sink.uuid("taken_by", None);
}

/// Returns the end, from its own cell or from the length. `None` means the default length, or that of
/// the existing appointment.
fn end(
    cells: &Cells<'_>,
    starts_at: Option<DateTime<Utc>>,
    faults: &mut Faults,
) -> Option<DateTime<Utc>> {
    let given = cells.moment(ENDS_AT, "ends_at", faults);
    let length = length(cells, faults);
    let starts_at = starts_at?;
    let by_length = length.and_then(|length| starts_at.checked_add_signed(length));
    let ends_at = given.or(by_length)?;
    let mut wrong = |rule: &str| {
        let cell = cells.get(ENDS_AT).unwrap_or_default();
        faults.wrong("ends_at", cell, rule.to_owned())
    };
    if ends_at <= starts_at {
        return wrong("not after starts_at");
    }
    if ends_at - starts_at > LONGEST {
        return wrong("an appointment can take at most 24 hours");
    }
    if by_length.is_some_and(|by_length| by_length != ends_at) {
        return wrong("not length_minutes after starts_at: leave one of them empty");
    }
    Some(ends_at)
}

fn length(cells: &Cells<'_>, faults: &mut Faults) -> Option<TimeDelta> {
    let cell = cells.get(LENGTH)?;
    let most = LONGEST.num_minutes();
    match cell.parse::<u16>().map(i64::from) {
        Ok(minutes) if (1..=most).contains(&minutes) => Some(TimeDelta::minutes(minutes)),
        _ => faults.wrong(
            "length_minutes",
            cell,
            format!("not a valid number of minutes (expected 1 to {most})"),
        ),
    }
}

/// The reason for a broken appointment: required for the status broken, and not allowed for others.
fn reason<'a>(
    cells: &Cells<'a>,
    status: Option<AppointmentStatus>,
    faults: &mut Faults,
) -> Option<Cow<'a, str>> {
    let is_broken = status == Some(AppointmentStatus::Broken);
    let Some(cell) = cells.get(BROKEN_REASON) else {
        if is_broken {
            let rule = "required for the status broken";
            faults.wrong::<()>("broken_reason", "", rule.to_owned());
        }
        return None;
    };
    if !is_broken {
        let rule = "only allowed for the status broken";
        return faults.wrong("broken_reason", cell, rule.to_owned());
    }
    match text::reason(cell) {
        Ok(reason) => Some(Cow::Owned(reason)),
        Err(error) => faults.wrong("broken_reason", cell, error.to_string()),
    }
}
