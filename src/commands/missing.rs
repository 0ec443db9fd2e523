//! Values that the arguments left out: a person at the terminal is asked, a script is told which
//! flag was missing.

use chrono::NaiveDate;

use crate::{
    cli::values,
    context::App,
    domain::{
        Email, Role,
        booking::{ClockTime, Moment, ScheduleKind, Weekday},
        display_name,
    },
    error::{Error, Result},
};

/// An e-mail address.
///
/// # Errors
/// `Usage`, naming `flag`, where nobody can answer; `Interrupted`.
pub(super) fn email(app: &App, given: Option<Email>, label: &str, flag: &str) -> Result<Email> {
    match given {
        Some(email) => Ok(email),
        None => app
            .printer
            .prompter()
            .input(label, flag, None, Email::parse),
    }
}

/// A person's name.
///
/// # Errors
/// As [`email`].
pub(super) fn name(app: &App, given: Option<String>, flag: &str) -> Result<String> {
    match given {
        Some(name) => Ok(name),
        None => app
            .printer
            .prompter()
            .input("Name", flag, None, display_name),
    }
}

/// A role.
///
/// # Errors
/// As [`email`].
pub(super) fn role(app: &App, given: Option<Role>, flag: &str) -> Result<Role> {
    if let Some(role) = given {
        return Ok(role);
    }
    let described: Vec<String> = Role::ALL
        .iter()
        .map(|role| format!("{role}: {}", role.description()))
        .collect();
    let usual = Role::ALL.iter().position(|role| *role == Role::Member);
    let chosen =
        app.printer
            .prompter()
            .select("Role", flag, &described, usual.unwrap_or_default())?;
    Ok(Role::ALL[chosen])
}

/// A text, checked as it is typed; one that was given is checked by whom it is for.
///
/// # Errors
/// As [`email`].
pub(super) fn text(
    app: &App,
    given: Option<String>,
    label: &str,
    flag: &str,
    check: impl Fn(&str) -> Result<String>,
) -> Result<String> {
    match given {
        Some(text) => Ok(text),
        None => app.printer.prompter().input(label, flag, None, check),
    }
}

/// A date.
///
/// # Errors
/// As [`email`].
pub(super) fn date(
    app: &App,
    given: Option<NaiveDate>,
    label: &str,
    flag: &str,
) -> Result<NaiveDate> {
    match given {
        Some(date) => Ok(date),
        None => app.printer.prompter().input(label, flag, None, |answer| {
            values::date(answer).map_err(Error::bad_input)
        }),
    }
}

/// A time on the clock.
///
/// # Errors
/// As [`email`].
pub(super) fn clock_time(
    app: &App,
    given: Option<ClockTime>,
    label: &str,
    flag: &str,
) -> Result<ClockTime> {
    match given {
        Some(time) => Ok(time),
        None => app.printer.prompter().input(label, flag, None, str::parse),
    }
}

/// A point in time.
///
/// # Errors
/// As [`email`].
pub(super) fn moment(app: &App, given: Option<Moment>, label: &str, flag: &str) -> Result<Moment> {
    match given {
        Some(moment) => Ok(moment),
        None => app.printer.prompter().input(label, flag, None, str::parse),
    }
}

/// A kind of schedule.
///
/// # Errors
/// As [`email`].
pub(super) fn schedule_kind(app: &App, given: Option<ScheduleKind>) -> Result<ScheduleKind> {
    if let Some(kind) = given {
        return Ok(kind);
    }
    let kinds = ScheduleKind::ALL.iter();
    let described: Vec<String> = kinds
        .map(|kind| format!("{kind}: {}", kind.description()))
        .collect();
    let prompter = app.printer.prompter();
    let chosen = prompter.select("Kind", "the argument KIND", &described, 0)?;
    Ok(ScheduleKind::ALL[chosen])
}

/// A day of the week.
///
/// # Errors
/// As [`email`].
pub(super) fn weekday(app: &App, given: Option<Weekday>, flag: &str) -> Result<Weekday> {
    if let Some(weekday) = given {
        return Ok(weekday);
    }
    let prompter = app.printer.prompter();
    let chosen = prompter.select("Day of the week", flag, &Weekday::names(), 0)?;
    Ok(Weekday::ALL[chosen])
}

/// Every day (`None`), or a day of the week.
///
/// # Errors
/// As [`email`].
pub(super) fn every_day_or_one(app: &App, flag: &str) -> Result<Option<Weekday>> {
    let days = Weekday::ALL.iter().map(|day| day.as_str());
    let items: Vec<&str> = std::iter::once("every day").chain(days).collect();
    let chosen = app.printer.prompter().select("Days", flag, &items, 0)?;
    let day = chosen.checked_sub(1);
    Ok(day.and_then(|day| Weekday::ALL.get(day)).copied())
}
