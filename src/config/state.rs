//! The state kept between two invocations: the current organization of each database.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic;
use crate::domain::OrganizationId;
use crate::error::{Context, Error, Result};

/// The state file. Its keys are those of [`super::DatabaseTarget::state_key`], so that `org use` in
/// one database does not affect another.
#[derive(Clone, Debug)]
pub struct State {
    path: PathBuf,
    contents: Contents,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Contents {
    organizations: BTreeMap<String, ChosenOrganization>,
}

/// The organization selected by `org use`. The id is authoritative: after a rename, the slug may
/// belong to another organization.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChosenOrganization {
    pub id: OrganizationId,
    /// The slug at that time, for messages.
    pub slug: String,
}

impl State {
    /// Loads the state; a missing file is treated as empty.
    pub fn load(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            contents: Contents::read(path)?,
        })
    }

    /// The organization selected by `org use` in this database.
    pub fn current_organization(&self, target_key: &str) -> Option<&ChosenOrganization> {
        self.contents.organizations.get(target_key)
    }

    /// Sets the organization for this database, and saves.
    ///
    /// # Errors
    /// `Failure` if the file cannot be written; nothing is changed in this case.
    pub fn set(&mut self, target_key: &str, organization: ChosenOrganization) -> Result<()> {
        self.change(|contents| {
            contents
                .organizations
                .insert(target_key.to_owned(), organization);
        })
    }

    /// Clears the organization of this database, saves, and returns the previous one.
    ///
    /// # Errors
    /// `Failure` if the file cannot be written; nothing is changed in this case.
    pub fn unset(&mut self, target_key: &str) -> Result<Option<ChosenOrganization>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let mut before = None;
        self.change(|contents| before = contents.organizations.remove(target_key))?;
        Ok(before)
    }

    /// Changes the current contents of the file, not those at the time it was loaded: another
    /// terminal may have selected an organization meanwhile.
    fn change(&mut self, change: impl FnOnce(&mut Contents)) -> Result<()> {
        let _lock = atomic::lock(&self.path)?;
        let mut contents = Contents::read(&self.path)?;
        change(&mut contents);
        let text = toml_edit::ser::to_string_pretty(&contents)
            .context("cannot write the state as TOML")?;
        atomic::write_private(&self.path, &text)?;
        self.contents = contents;
        Ok(())
    }
}

impl Contents {
    fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(error)
                    .context(format!("cannot read the state file {}", path.display()));
            }
        };
        toml_edit::de::from_str(&text).map_err(|error| {
            Error::failure(format!("the state file {} is not valid", path.display()))
                .because(error)
                .hint(format!(
                    "it contains only selections made with `org use`; remove it: rm {}",
                    shell_words::quote(&path.to_string_lossy())
                ))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use uuid::Uuid;

    use super::*;

    fn chosen(slug: &str) -> ChosenOrganization {
        ChosenOrganization {
            id: Uuid::from_u128(slug.len() as u128).into(),
            slug: slug.to_owned(),
        }
    }

    #[test]
    fn remembers_each_database_apart() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state/state.toml");
        let mut state = State::load(&path).unwrap();
        assert_eq!(state.unset("staging").unwrap(), None);
        assert!(!path.exists());

        state.set("staging", chosen("harbor-clinic")).unwrap();
        state.set("url:0123", chosen("default")).unwrap();
        let again = State::load(&path).unwrap();
        let of = |state: &State, key: &str| state.current_organization(key).cloned();
        assert_eq!(of(&again, "staging"), Some(chosen("harbor-clinic")));
        assert_eq!(of(&again, "url:0123"), Some(chosen("default")));
        assert_eq!(of(&again, "production"), None);

        let forgotten = state.unset("staging").unwrap();
        assert_eq!(forgotten, Some(chosen("harbor-clinic")));
        let again = State::load(&path).unwrap();
        assert_eq!(of(&again, "staging"), None);
        assert_eq!(of(&again, "url:0123"), Some(chosen("default")));
    }

    #[test]
    fn terminals_that_change_it_at_once_lose_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state.toml");
        thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let mut state = State::load(path).unwrap();
                    let key = format!("profile-{number}");
                    state.set(&key, chosen("clinic")).unwrap();
                });
            }
        });
        let state = State::load(&path).unwrap();
        for number in 0..8 {
            let key = format!("profile-{number}");
            let found = state.current_organization(&key);
            assert_eq!(found, Some(&chosen("clinic")), "{key}");
        }
    }

    #[test]
    fn a_broken_file_is_an_error_that_says_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state.toml");
        fs::write(&path, "organizations = 5").unwrap();
        let error = State::load(&path).unwrap_err();
        assert!(error.hints()[0].to_string().contains("rm "));
    }
}
