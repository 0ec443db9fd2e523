//! Rows of schedules.

use chrono::{DateTime, NaiveDate};
use uuid::Uuid;

use super::{
    Cells, RowSink,
    references::{OPERATORY, PROVIDER, Reference},
    sink::Faults,
};
use crate::domain::booking::{ClockTime, Schedule, ScheduleKind, Weekday};

const KIND: usize = 0;
const WEEKDAY: usize = 3;

pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    cells.require(KIND, "kind", faults);
    let rule = "must be one of weekly, date, holiday, blockout";
    let kind = cells.keyword::<ScheduleKind>(KIND, "kind", rule, faults);
    let provider = Reference::to_resource(cells, 1);
    let operatory = Reference::to_resource(cells, 2);
    let weekday = weekday(cells, faults);
    let valid_from = cells.date(4, "valid_from", faults);
    let valid_until = cells.date(5, "valid_until", faults);
    let times = "not a valid time (expected e.g. 09:00, at most 24:00)";
    let start_time = cells.parsed::<ClockTime>(6, "start", times, faults);
    let end_time = cells.parsed::<ClockTime>(7, "end", times, faults);
    let note = cells.notes(8, "note", faults);
    let is_of_dates = matches!(kind, Some(ScheduleKind::Date | ScheduleKind::Holiday));
    let valid_until = valid_until.or(valid_from.filter(|_| is_of_dates));
    if let Some(kind) = kind
        && faults.is_empty()
    {
        // The database looks up the reference: only its presence matters here.
        let named = |is_given: bool| is_given.then_some(Uuid::nil());
        let schedule = Schedule {
            id: Uuid::nil().into(),
            kind,
            provider_id: named(provider.is_given()).map(Into::into),
            operatory_id: named(operatory.is_given()).map(Into::into),
            weekday,
            valid_from,
            valid_until,
            start_time,
            end_time,
            note: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        check(cells, &schedule, faults);
    }

    sink.text("kind", kind.map(ScheduleKind::as_str));
    if sink.wants_derived() {
        provider.stage(&PROVIDER, sink);
        operatory.stage(&OPERATORY, sink);
    }
    sink.number("weekday", weekday.map(|day| day.iso().into()));
    sink.date("valid_from", valid_from);
    sink.date("valid_until", valid_until);
    let minute = |time: Option<ClockTime>| time.map(|time| time.minutes().into());
    sink.number("start_minute", minute(start_time));
    sink.number("end_minute", minute(end_time));
    sink.text("note", note.as_deref());
}

/// A weekday by name, or by its ISO 8601 number.
fn weekday(cells: &Cells<'_>, faults: &mut Faults) -> Option<Weekday> {
    let number = cells.get(WEEKDAY).and_then(|cell| cell.parse().ok());
    if let Some(day) = number.and_then(Weekday::from_iso) {
        return Some(day);
    }
    let rule = "not a valid weekday (expected e.g. monday, or 1 (monday) to 7)";
    cells.keyword(WEEKDAY, "weekday", rule, faults)
}

/// Checks the row against the domain's rules for its kind. The column of a fault is derived from the
/// present and missing cells, in the order in which the rules are checked.
fn check(cells: &Cells<'_>, schedule: &Schedule, faults: &mut Faults) {
    let Err(error) = schedule.check() else { return };
    let is_of_dates = matches!(schedule.kind, ScheduleKind::Date | ScheduleKind::Holiday);
    let dates: [Option<NaiveDate>; 2] = [schedule.valid_from, schedule.valid_until];
    let (index, column) = if schedule.provider_id.is_some() && schedule.operatory_id.is_some() {
        (2, "operatory")
    } else if (schedule.kind == ScheduleKind::Weekly) == schedule.weekday.is_none()
        && (is_of_dates || schedule.kind == ScheduleKind::Weekly)
    {
        (WEEKDAY, "weekday")
    } else if is_of_dates && dates[0].is_none() {
        (4, "valid_from")
    } else if matches!(dates, [Some(from), Some(until)] if until < from) {
        (5, "valid_until")
    } else if schedule.start_time.is_none() != (schedule.kind == ScheduleKind::Holiday) {
        (6, "start")
    } else {
        (7, "end")
    };
    // The hint contains the correct values.
    let rule = match error.hints().first() {
        Some(hint) => format!("{error}: {hint}"),
        None => error.to_string(),
    };
    faults.wrong::<()>(column, cells.get(index).unwrap_or_default(), rule);
}
