//! A snapshot of the process environment, taken once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The environment variables at program start.
///
/// Everything below `main` reads this instead of the process environment, so that tests control it.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    home: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process; the home directory falls back to the password database.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the process environment"
    )]
    pub fn from_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        }
    }

    /// An environment of exactly these variables; `HOME` is the home directory.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let variables: BTreeMap<OsString, OsString> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let home = variables.get(OsStr::new("HOME")).map(PathBuf::from);
        Self { variables, home }
    }

    /// The value of a variable. An empty value is treated as unset, as is one that is not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_os(name)?.to_str()
    }

    /// The value of a variable that affects a decision, so that an unreadable value must not be
    /// treated as unset.
    ///
    /// # Errors
    /// `Usage` if the value is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.get_os(name).map(OsStr::to_str) {
            Some(None) => {
                Err(Error::usage(format!("{name} is not valid UTF-8"))
                    .hint(format!("unset {name}")))
            }
            Some(value) => Ok(value),
            None => Ok(None),
        }
    }

    /// The value of a variable as a path. An empty value is treated as unset.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.get_os(name).map(Path::new)
    }

    /// The home directory of the user.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The value of a variable in the encoding of the system. An empty value is treated as unset.
    pub fn get_os(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let env = Environment::from_pairs([("A", ""), ("B", "b")]);
        assert_eq!(env.get("A"), None);
        assert_eq!(env.get("B"), Some("b"));
        assert_eq!(env.get("C"), None);
    }

    #[test]
    fn a_value_that_cannot_be_read_is_not_taken_for_none() {
        use std::os::unix::ffi::OsStringExt;
        let env = Environment::from_pairs([("A", OsString::from_vec(vec![0xff]))]);
        assert_eq!(env.get("A"), None);
        assert!(env.text("A").is_err());
        assert_eq!(env.text("B").unwrap(), None);
    }

    #[test]
    fn debug_output_shows_no_value() {
        let env = Environment::from_pairs([("DATABASE_URL", "postgres://ops:hunter2@db/app")]);
        let shown = format!("{env:?}");
        assert!(shown.contains("DATABASE_URL"));
        assert!(!shown.contains("hunter2"));
    }
}
