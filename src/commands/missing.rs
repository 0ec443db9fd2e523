//! Values that the arguments left out: a person at the terminal is asked, a script is told which
//! flag was missing.

use crate::{
    context::App,
    domain::{Email, Role, display_name},
    error::Result,
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
