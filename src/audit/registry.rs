//! Registry of the checks.

use super::{checks, findings::Rule, queries, selection::Selection};
use crate::{
    audit::report::{Check, Class},
    error::{Error, Result},
    run,
    suggest::did_you_mean,
};

/// Returns the checks that only read the catalog.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    checks::catalog::RULES
        .iter()
        .chain(checks::policy::RULES)
        .chain(checks::grant::RULES)
}

/// Returns all checks, ordered by class.
pub fn all() -> Vec<Check> {
    rules()
        .map(|rule| rule.check)
        .chain(checks::policy::planned::CHECKS.iter().copied())
        .chain(checks::data::CHECKS.iter().copied())
        .chain(checks::probe::CHECKS.iter().copied())
        .chain(queries::CHECKS.iter().copied())
        .collect()
}

/// Finds a check by ID.
///
/// # Errors
/// `NotFound`, with similar IDs as a hint.
pub fn find(id: &str) -> Result<Check> {
    let all = all();
    all.iter()
        .find(|check| check.id == id)
        .copied()
        .ok_or_else(|| unknown(id, all.iter().map(|check| check.id)))
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let error = Error::not_found(format!("unknown check or class: {name}"));
    match did_you_mean(name, known) {
        Some(hint) => error.hint(hint),
        None => error.hint(run!["audit", "checks"].labeled("list the checks")),
    }
}

/// Validates the names of a selection.
///
/// # Errors
/// `NotFound` for a name that is not a check or a class.
pub fn validate(selection: &Selection) -> Result<()> {
    let all = all();
    let ids = || all.iter().map(|check| check.id);
    let classes = || Class::ALL.iter().map(|class| class.as_str());
    for name in selection.only.iter().chain(&selection.skip) {
        if !classes().chain(ids()).any(|known| known == name) {
            return Err(unknown(name, classes().chain(ids())));
        }
    }
    Ok(())
}
