//! Hints of services, which cannot know how the organization was named on the command line.

use crate::{
    commands::views::repeated_org,
    context::App,
    error::{Error, Result},
};

/// The commands that work in an organization.
const NOUNS: [&str; 5] = [
    "tenantctl patient ",
    "tenantctl provider ",
    "tenantctl operatory ",
    "tenantctl schedule ",
    "tenantctl appointment ",
];

/// The result, with `--org` behind the commands of its hints, where the flag was given.
///
/// # Errors
/// The error that was.
pub(in crate::commands) fn told_in<T>(app: &App, result: Result<T>) -> Result<T> {
    result.map_err(|error| with_org(error, &repeated_org(app)))
}

fn with_org(error: Error, org: &str) -> Error {
    let hints: Vec<String> = error.hints().iter().map(|hint| told(hint, org)).collect();
    if org.is_empty() || hints == error.hints() {
        return error;
    }
    let kind = error.kind();
    let named = Error::new(kind, error.to_string());
    // What is said twice is left out of the causes.
    hints.into_iter().fold(named, Error::hint).because(error)
}

fn told(hint: &str, org: &str) -> String {
    let is_ours = NOUNS.iter().any(|noun| hint.contains(noun));
    if !is_ours || hint.contains(" --org ") {
        return hint.to_owned();
    }
    // What stands in brackets at the end is no part of the command.
    match hint.rsplit_once(" (") {
        Some((command, rest)) if hint.ends_with(')') => format!("{command}{org} ({rest}"),
        _ => format!("{hint}{org}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_organization_is_named_behind_commands_alone() {
        let org = " --org harbor";
        for (hint, expected) in [
            (
                "list them: tenantctl provider list",
                "list them: tenantctl provider list --org harbor",
            ),
            (
                "tenantctl appointment break 1 --reason TEXT (BreakAppointment)",
                "tenantctl appointment break 1 --reason TEXT --org harbor (BreakAppointment)",
            ),
            (
                "tenantctl patient list --org tide",
                "tenantctl patient list --org tide",
            ),
            ("tenantctl db migrate", "tenantctl db migrate"),
            ("give one of them", "give one of them"),
        ] {
            assert_eq!(told(hint, org), expected);
            assert_eq!(told(hint, ""), hint);
        }
    }

    #[test]
    fn the_kind_and_the_causes_stay() {
        let error = Error::conflict("x")
            .hint("tenantctl patient list")
            .because(std::io::Error::other("y"));
        let told = with_org(error, " --org harbor");
        assert_eq!(told.kind(), crate::error::ErrorKind::Conflict);
        assert_eq!(told.hints(), ["tenantctl patient list --org harbor"]);
        assert_eq!(told.causes(), ["y"]);
    }
}
