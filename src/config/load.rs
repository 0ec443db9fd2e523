//! Loading and validating the configuration file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::database_url::has_password;
use super::file::Config;
use super::inspect::{Inspection, inspect};
use super::mistake::Mistake;
use super::paths;
use super::settings::{Setting, ValueSource, settings};
use crate::error::{Context, Error, Result};
use crate::run;
use crate::system::Environment;

/// The effective configuration and its source.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file with the environment applied, then flags by [`Loaded::apply_flags`].
    pub config: Config,
    /// The configuration file.
    pub path: PathBuf,
    /// `true` if that file exists; the default one is optional.
    pub existed: bool,
    /// Warnings for the operator, each with its remedy.
    pub warnings: Vec<String>,
    sources: BTreeMap<String, ValueSource>,
}

impl Loaded {
    /// Every value with its source, for `config show`. Secrets are masked.
    pub fn settings(&self) -> Vec<Setting> {
        settings(&self.config, &self.sources)
    }

    pub(super) fn set_source(&mut self, key: &str, source: ValueSource) {
        self.sources.insert(key.to_owned(), source);
    }

    /// Makes the paths in the file absolute.
    fn resolve_paths(&mut self, env: &Environment) {
        let resolve = |path: &mut Option<PathBuf>| {
            if let Some(named) = path {
                *named = paths::resolve_in(&self.path, named, env);
            }
        };
        resolve(&mut self.config.local.data_dir);
        resolve(&mut self.config.local.bindir);
        resolve(&mut self.config.secrets.keys_file);
        resolve(&mut self.config.audit.attack_url_file);
        resolve(&mut self.config.server.unix_socket);
        resolve(&mut self.config.server.sign_up_secret_file);
        resolve(&mut self.config.server.tenant_url_file);
        resolve(&mut self.config.mail.ca_file);
        resolve(&mut self.config.mail.password_file);
        for profile in self.config.profiles.values_mut() {
            resolve(&mut profile.database_url_file);
            resolve(&mut profile.tenant_url_file);
        }
    }
}

/// The result of `config validate`.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The configuration file.
    pub path: PathBuf,
    /// `true` if that file exists; the default one is optional.
    pub exists: bool,
    /// Every mistake, in the order of the file.
    pub mistakes: Vec<Mistake>,
    /// Problems that are not mistakes.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the file (`flag` is `--config`) and applies the environment.
    ///
    /// # Errors
    /// `NotFound` if a file given explicitly does not exist (the default one may be missing),
    /// `BadInput` if it has mistakes, `Usage` if a variable has an unknown value.
    pub fn load(flag: Option<&Path>, env: &Environment) -> Result<Loaded> {
        let file = ConfigFile::read(flag, env)?;
        let inspection = inspect(file.text());
        if !inspection.mistakes.is_empty() {
            return Err(mistaken(&file.path, &inspection.mistakes));
        }
        let warnings = file.warnings(&inspection.config)?;
        let Inspection { config, keys, .. } = inspection;
        let mut loaded = Loaded {
            config,
            existed: file.text.is_some(),
            path: file.path,
            warnings,
            sources: keys
                .into_iter()
                .map(|key| (key, ValueSource::File))
                .collect(),
        };
        loaded.resolve_paths(env);
        loaded.apply_environment(env)?;
        Ok(loaded)
    }
}

/// Finds every mistake in the file (`flag` is `--config`); mistakes are part of the result, not an
/// error.
///
/// # Errors
/// `NotFound` if a file given explicitly does not exist; `Failure` if it cannot be read.
pub fn validate(flag: Option<&Path>, env: &Environment) -> Result<Validation> {
    let file = ConfigFile::read(flag, env)?;
    let inspection = inspect(file.text());
    Ok(Validation {
        warnings: file.warnings(&inspection.config)?,
        exists: file.text.is_some(),
        path: file.path,
        mistakes: inspection.mistakes,
    })
}

struct ConfigFile {
    path: PathBuf,
    text: Option<String>,
}

impl ConfigFile {
    fn read(flag: Option<&Path>, env: &Environment) -> Result<Self> {
        let named = paths::named_config_file(flag, env);
        let path = paths::config_file(flag, env)?;
        match (fs::read_to_string(&path), named) {
            (Ok(text), _) => Ok(Self {
                path,
                text: Some(text),
            }),
            (Err(error), None) if error.kind() == ErrorKind::NotFound => {
                Ok(Self { path, text: None })
            }
            (Err(error), Some((_, how))) if error.kind() == ErrorKind::NotFound => {
                let path = path.display();
                Err(Error::not_found(format!(
                    "the configuration file {path}, set by {how}, does not exist"
                ))
                .hint(run!["--config", path, "init"].labeled("create it")))
            }
            (Err(error), _) if error.kind() == ErrorKind::InvalidData => {
                Err(Error::bad_input(format!(
                    "the configuration file {} is not valid UTF-8",
                    path.display()
                ))
                .hint("save it as UTF-8, which TOML requires"))
            }
            (Err(error), _) => Err(error).context(format!(
                "cannot read the configuration file {}",
                path.display()
            )),
        }
    }

    fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    fn warnings(&self, config: &Config) -> Result<Vec<String>> {
        let urls = config.profiles.values();
        let holds_password = urls
            .filter_map(|profile| profile.database_url.as_ref())
            .any(has_password);
        if !holds_password {
            return Ok(Vec::new());
        }
        let path = self.path.display();
        let mode = fs::metadata(&self.path)
            .context(format!("cannot read the permissions of {path}"))?
            .permissions()
            .mode();
        let readable_by_others = mode & 0o044 != 0;
        Ok(readable_by_others
            .then(|| {
                format!(
                    "{path} contains a database password and other users can read it; run: chmod 600 {}",
                    shell_words::quote(&path.to_string())
                )
            })
            .into_iter()
            .collect())
    }
}

fn mistaken(path: &Path, mistakes: &[Mistake]) -> Error {
    let path = path.display();
    let lines: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("{path}:{mistake}"))
        .collect();
    let error = match mistakes.len() {
        1 => Error::bad_input(lines.concat()),
        count => Error::bad_input(format!(
            "the configuration file has {count} mistakes\n{}",
            lines.join("\n")
        )),
    };
    let hints = mistakes.iter().filter_map(|mistake| {
        let hint = mistake.hint.clone()?;
        Some(match mistakes {
            [_] => hint,
            _ => hint.labeled(format!("line {}", mistake.line)),
        })
    });
    hints
        .fold(error, Error::hint)
        .hint(run!["config", "schema"].labeled("list all keys and their types"))
}

#[cfg(test)]
mod tests {
    use super::super::file::{ColorChoice, OutputFormat};
    use super::super::overrides::FlagOverrides;
    use super::*;
    use crate::error::ErrorKind as Kind;

    struct Home(tempfile::TempDir);

    impl Home {
        fn with(text: &str) -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            fs::write(home.file(), text).unwrap();
            home
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("config.toml")
        }

        fn load(&self, variables: &[(&str, &str)]) -> Result<Loaded> {
            let env = Environment::from_pairs(variables.iter().copied());
            Config::load(Some(&self.file()), &env)
        }
    }

    #[test]
    fn the_default_file_may_be_missing() {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("HOME", home.path())]);
        let loaded = Config::load(None, &env).unwrap();
        assert!(!loaded.existed);
        assert_eq!(loaded.config.output.page_size, 50);
        assert!(validate(None, &env).unwrap().mistakes.is_empty());
    }

    #[test]
    fn a_file_that_was_named_must_exist() {
        let env = Environment::from_pairs([("TENANTCTL_CONFIG", "/nowhere/c.toml")]);
        let error = Config::load(None, &env).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert_eq!(
            error.to_string(),
            "the configuration file /nowhere/c.toml, set by TENANTCTL_CONFIG, does not exist"
        );
    }

    #[test]
    fn a_mistake_is_bad_input_with_its_place() {
        let home = Home::with("\n[output]\n  page_sise = 5\n");
        let error = home.load(&[]).unwrap_err();
        assert_eq!(error.kind(), Kind::BadInput);
        assert_eq!(
            error.to_string(),
            format!(
                "{}:3:3: output.page_sise: unknown key",
                home.file().display()
            )
        );
        assert_eq!(error.hints()[0], "did you mean page_size?");
    }

    #[test]
    fn flags_beat_variables_and_variables_beat_the_file() {
        let home = Home::with("editor = 'ed'\n[output]\nformat = 'csv'\n[local]\nbindir = 'bin'\n");
        let mut loaded = home
            .load(&[("TENANTCTL_OUTPUT", "json"), ("EDITOR", "vi")])
            .unwrap();
        assert_eq!(loaded.config.output.format, Some(OutputFormat::Json));
        assert_eq!(loaded.config.editor.as_deref(), Some("ed"));
        assert_eq!(loaded.config.local.bindir, Some(home.0.path().join("bin")));

        loaded.apply_flags(FlagOverrides {
            output: Some(OutputFormat::Yaml),
            color: None,
        });
        assert_eq!(loaded.config.output.format, Some(OutputFormat::Yaml));
        assert_eq!(loaded.config.output.color, None::<ColorChoice>);

        let settings = loaded.settings();
        let source = |key: &str| {
            let setting = settings.iter().find(|setting| setting.key == key).unwrap();
            setting.source
        };
        assert_eq!(source("output.format"), ValueSource::Flag("--output"));
        assert_eq!(source("editor"), ValueSource::File);
        assert_eq!(source("output.page_size"), ValueSource::Default);
    }

    #[test]
    fn an_unknown_format_in_the_environment_is_wrong_usage() {
        let error = Home::with("")
            .load(&[("TENANTCTL_OUTPUT", "xml")])
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.hints()[0].to_string().contains("ndjson"));
    }

    #[test]
    fn warns_of_a_password_that_others_can_read() {
        let home = Home::with("[profiles.a]\ndatabase_url = 'postgres://ops:hunter2@db/app'\n");
        let chmod = |mode| {
            fs::set_permissions(home.file(), fs::Permissions::from_mode(mode)).unwrap();
            home.load(&[]).unwrap().warnings
        };
        let warnings = chmod(0o644);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("chmod 600"));
        assert!(!warnings[0].contains("hunter2"));
        assert!(chmod(0o600).is_empty());
    }
}
