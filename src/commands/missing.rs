//! Prompts for values missing from the arguments. Without a terminal, the error names the missing
//! flag.

use chrono::NaiveDate;

use crate::{
    app::App,
    cli::values,
    domain::{
        Email, Role,
        booking::{ClockTime, Moment, ScheduleKind, Weekday},
        display_name,
    },
    error::{Error, Result},
};

/// Returns the given email address or prompts for one.
///
/// # Errors
/// `Usage`, naming `flag`, without a terminal to prompt on; `Interrupted`.
pub(super) fn email(app: &App, given: Option<Email>, label: &str, flag: &str) -> Result<Email> {
    match given {
        Some(email) => Ok(email),
        None => app
            .printer
            .prompter()
            .input(label, flag, None, Email::parse),
    }
}

/// Returns the given name of a person or prompts for one.
pub(super) fn name(app: &App, given: Option<String>, flag: &str) -> Result<String> {
    match given {
        Some(name) => Ok(name),
        None => app
            .printer
            .prompter()
            .input("Name", flag, None, display_name),
    }
}

/// Returns the given role or prompts for one.
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

/// Returns the given text, or prompts for one and checks it. A given text is checked by the caller.
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

/// Returns the given date or prompts for one.
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

/// Returns the given time of day or prompts for one.
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

/// Returns the given point in time or prompts for one.
pub(super) fn moment(app: &App, given: Option<Moment>, label: &str, flag: &str) -> Result<Moment> {
    match given {
        Some(moment) => Ok(moment),
        None => app.printer.prompter().input(label, flag, None, str::parse),
    }
}

/// Returns the given kind of schedule or prompts for one.
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

/// Returns the given day of the week or prompts for one.
pub(super) fn weekday(app: &App, given: Option<Weekday>, flag: &str) -> Result<Weekday> {
    if let Some(weekday) = given {
        return Ok(weekday);
    }
    let prompter = app.printer.prompter();
    let chosen = prompter.select("Day of the week", flag, &Weekday::names(), 0)?;
    Ok(Weekday::ALL[chosen])
}

/// Prompts for every day (`None`) or a day of the week.
pub(super) fn every_day_or_one(app: &App, flag: &str) -> Result<Option<Weekday>> {
    let days = Weekday::ALL.iter().map(|day| day.as_str());
    let items: Vec<&str> = std::iter::once("every day").chain(days).collect();
    let chosen = app.printer.prompter().select("Days", flag, &items, 0)?;
    let day = chosen.checked_sub(1);
    Ok(day.and_then(|day| Weekday::ALL.get(day)).copied())
}
