//! Every check, and which of them are to run.

use super::{checks, findings::Rule, statements};
use crate::{
    domain::{
        audit::{Check, Class},
        suggest::did_you_mean,
    },
    error::{Error, Result},
    run,
};

/// The checks that read the catalog alone.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    checks::catalog::RULES
        .iter()
        .chain(checks::policy::RULES)
        .chain(checks::grant::RULES)
}

/// Every check, by class.
pub fn all() -> Vec<Check> {
    rules()
        .map(|rule| rule.check)
        .chain(checks::policy::planned::CHECKS.iter().copied())
        .chain(checks::data::CHECKS.iter().copied())
        .chain(checks::probe::CHECKS.iter().copied())
        .chain(statements::CHECKS.iter().copied())
        .collect()
}

/// The check of that id.
///
/// # Errors
/// `NotFound` with near ids.
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
        None => error.hint(run!["audit", "checks"].labeled("list them")),
    }
}

/// The selected checks.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids or classes; all where empty.
    pub only: Vec<String>,
    /// Ids or classes.
    pub skip: Vec<String>,
}

impl Selection {
    /// Checks every name in it.
    ///
    /// # Errors
    /// `NotFound` for a name that is neither a check nor a class.
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

    /// `true` if a check is to run.
    pub fn wants(&self, check: &Check) -> bool {
        let named = |names: &[String]| {
            let mut names = names.iter();
            names.any(|name| name == check.id || name == check.class.as_str())
        };
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }

    /// `true` if any check of a class is to run.
    pub fn wants_any(&self, checks: &[Check]) -> bool {
        checks.iter().any(|check| self.wants(check))
    }
}
