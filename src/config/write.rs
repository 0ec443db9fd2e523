//! Adds a profile to the configuration file without changing the rest of it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use toml_edit::{DocumentMut, Item, Table, value};

use super::file::Profile;
use super::inspect::inspect;
use super::resolve::{DatabaseTarget, LOCAL_PROFILE};
use super::{atomic, paths, rules};
use crate::error::{Context, Error, Result};
use crate::run;
use crate::system::Environment;

/// A profile to be written.
#[derive(Clone, Debug)]
pub struct NewProfile {
    /// The source of its URL.
    pub url: UrlSource,
    /// Destructive commands ask even with `--yes`.
    pub protected: bool,
    /// The default organization.
    pub organization: Option<String>,
    /// Makes it the default profile.
    pub default: bool,
    /// Replaces a profile of the same name, which is otherwise a conflict.
    pub replace: bool,
}

/// The source of a profile's URL.
#[derive(Clone, Debug)]
pub enum UrlSource {
    /// `database_url`
    Url(SecretString),
    /// `database_url_command`
    Command(String),
    /// `database_url_env`
    Variable(String),
    /// `database_url_file`
    File(PathBuf),
}

/// Checks the name of a profile.
///
/// # Errors
/// `BadInput` if `name` is not valid.
pub fn check_profile_name(name: &str) -> Result<()> {
    if name == LOCAL_PROFILE {
        return Err(
            Error::bad_input(rules::local_is_built_in()).hint("choose another name, such as main")
        );
    }
    if rules::is_profile_name(name) {
        return Ok(());
    }
    Err(Error::bad_input(format!(
        "{name:?} is not a valid profile name (expected letters, digits, - and _)"
    ))
    .hint("for example: staging"))
}

/// Writes the profile to the file, creating the file if necessary. Comments and the order of other
/// keys are kept, the file is replaced atomically, and only its owner can read it.
///
/// # Errors
/// `Conflict` if the profile exists; `BadInput` if the file, or the file with this profile in it,
/// would have a mistake. Nothing is written in these cases.
pub fn write_profile(path: &Path, name: &str, profile: &NewProfile) -> Result<()> {
    let _lock = atomic::lock(path)?;
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
    };
    let after = with_profile(&before, name, profile, path)?;
    if let Some(mistake) = inspect(&after).mistakes.first() {
        let error = Error::bad_input(format!(
            "{} would not be valid with profile `{name}`: {mistake}",
            path.display()
        ));
        return Err(mistake.hint.iter().fold(error, Error::hint));
    }
    atomic::write_private(path, &after)
}

fn with_profile(text: &str, name: &str, profile: &NewProfile, path: &Path) -> Result<String> {
    let mistake = |what: &str| {
        Error::bad_input(format!("{}: {what}", path.display())).hint(run!["config", "validate"])
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|_| mistake("is not valid TOML, so no profile can be added"))?;
    let profiles = document
        .entry("profiles")
        .or_insert_with(|| {
            let mut table = Table::new();
            // Without its own header: only the profiles below it have one.
            table.set_implicit(true);
            Item::Table(table)
        })
        .as_table_like_mut()
        .ok_or_else(|| mistake("`profiles` is not a table"))?;
    if profiles.contains_key(name) && !profile.replace {
        return Err(Error::conflict(format!(
            "profile `{name}` already exists in {}",
            path.display()
        ))
        .hint("choose another name, or edit the file"));
    }
    profiles.insert(name, Item::Table(profile.to_table()));
    if profile.default {
        document["default_profile"] = value(name);
    }
    Ok(document.to_string())
}

impl NewProfile {
    /// The database that this profile would select once it is written to the file at `path`, for
    /// testing it beforehand.
    ///
    /// # Errors
    /// `Unavailable` if its URL cannot be read, `BadInput` if it is malformed.
    pub fn target(&self, path: &Path, name: &str, env: &Environment) -> Result<DatabaseTarget> {
        DatabaseTarget::of_profile(name, &self.to_profile(path, env), env)
    }

    fn to_profile(&self, path: &Path, env: &Environment) -> Profile {
        let mut profile = Profile {
            protected: self.protected,
            organization: self.organization.clone(),
            ..Profile::default()
        };
        match &self.url {
            UrlSource::Url(url) => profile.database_url = Some(url.clone()),
            UrlSource::Command(command) => profile.database_url_command = Some(command.clone()),
            UrlSource::Variable(variable) => profile.database_url_env = Some(variable.clone()),
            UrlSource::File(file) => {
                profile.database_url_file = Some(paths::resolve_in(path, file, env));
            }
        }
        profile
    }

    fn to_table(&self) -> Table {
        let mut table = Table::new();
        match &self.url {
            UrlSource::Url(url) => table["database_url"] = value(url.expose_secret()),
            UrlSource::Command(command) => table["database_url_command"] = value(command),
            UrlSource::Variable(variable) => table["database_url_env"] = value(variable),
            UrlSource::File(path) => {
                table["database_url_file"] = value(path.to_string_lossy().as_ref());
            }
        }
        if self.protected {
            table["protected"] = value(true);
        }
        if let Some(organization) = &self.organization {
            table["organization"] = value(organization);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::ErrorKind as Kind;

    fn profile(url: &str) -> NewProfile {
        NewProfile {
            url: UrlSource::Url(url.into()),
            protected: true,
            organization: Some("harbor-clinic".to_owned()),
            default: true,
            replace: false,
        }
    }

    #[test]
    fn a_new_file_has_the_profile_and_is_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("tenantctl/config.toml");
        write_profile(&path, "staging", &profile("postgres://ops:pw@db/app")).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "default_profile = \"staging\"\n\n[profiles.staging]\n\
             database_url = \"postgres://ops:pw@db/app\"\n\
             protected = true\norganization = \"harbor-clinic\"\n"
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn comments_and_other_keys_stay() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("config.toml");
        let before = "# mine\neditor = \"vi\" # best\n\n[output]\npage_size = 5\n";
        fs::write(&path, before).unwrap();
        let mut new = profile("postgres://ops@db/app");
        new.default = false;
        write_profile(&path, "staging", &new).unwrap();
        let after = fs::read_to_string(&path).unwrap();
        assert!(after.starts_with(before), "{after}");
        assert!(after.contains("[profiles.staging]"), "{after}");
    }

    #[test]
    fn an_existing_profile_is_replaced_only_on_request() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("config.toml");
        write_profile(&path, "a", &profile("postgres://one/app")).unwrap();
        let mut again = profile("postgres://two/app");
        let error = write_profile(&path, "a", &again).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);

        again.replace = true;
        write_profile(&path, "a", &again).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("two") && !text.contains("one"), "{text}");
    }

    #[test]
    fn the_name_of_the_built_in_profile_is_taken() {
        assert!(check_profile_name("locale").is_ok());
        let error = check_profile_name("local").unwrap_err();
        assert_eq!(error.kind(), Kind::BadInput);
    }

    #[test]
    fn what_would_not_load_is_not_written() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("config.toml");
        for (name, url) in [("a b", "postgres://h/d"), ("a", "mysql://o:hunter2@h/d")] {
            let error = write_profile(&path, name, &profile(url)).unwrap_err();
            assert_eq!(error.kind(), Kind::BadInput);
            assert!(!error.to_string().contains("hunter2"));
        }
        assert!(!path.exists());
    }
}
