//! Selection of the checks to run.

use crate::audit::report::Check;

/// The selected checks. [`super::registry::validate`] validates the names.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// IDs or classes; empty selects all.
    pub only: Vec<String>,
    /// IDs or classes.
    pub skip: Vec<String>,
}

impl Selection {
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
