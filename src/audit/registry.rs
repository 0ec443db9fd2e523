//! Registry of the checks, and their selection.

use super::{checks, findings::Rule, statements};
use crate::{
    domain::{
        audit::{Check, Class},
        suggest::did_you_mean,
    },
    error::{Error, Result},
    run,
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
        .chain(statements::CHECKS.iter().copied())
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

/// The selected checks.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// IDs or classes; empty selects all.
    pub only: Vec<String>,
    /// IDs or classes.
    pub skip: Vec<String>,
}

impl Selection {
    /// Validates the names.
    ///
    /// # Errors
    /// `NotFound` for a name that is not a check or a class.
    pub fn validate(&self) -> Result<()> {
        let all = all();
        let ids = || all.iter().map(|check| check.id);
        let classes = || Class::ALL.iter().map(|class| class.as_str());
        for name in self.only.iter().chain(&self.skip) {
            if !classes().chain(ids()).any(|known| known == name) {
                return Err(unknown(name, classes().chain(ids())));
            }
        }
        Ok(())
    }

    /// `true` if a check is selected.
    pub fn wants(&self, check: &Check) -> bool {
        let named = |names: &[String]| {
            let mut names = names.iter();
            names.any(|name| name == check.id || name == check.class.as_str())
        };
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }

    /// `true` if any check of a class is selected.
    pub fn wants_any(&self, checks: &[Check]) -> bool {
        checks.iter().any(|check| self.wants(check))
    }
}
