//! Prompts of `init` for values that no flag provides.

use std::{
    io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use super::SourceArgs;
use crate::{
    app::App,
    commands::db::SchemaState,
    config::{self, Config, Endpoint, URL_FORM, UrlSource},
    error::{Context, Error, ErrorKind, Result},
    hint::Hint,
    output::Prompter,
    run,
};

/// The flags that set the source of the URL.
const SOURCE_FLAGS: &str = "--database-url-env, --database-url-command, --database-url-file, \
                            --database-url-stdin or --database-url";

/// Prompts, or takes the answer from the flags.
pub(super) struct Questions<'a> {
    app: &'a App,
    config: &'a Config,
    prompter: Prompter,
}

impl<'a> Questions<'a> {
    pub(super) fn new(app: &'a App, config: &'a Config) -> Self {
        Self {
            app,
            config,
            prompter: app.printer.prompter(),
        }
    }

    /// Returns the name of the profile.
    pub(super) fn name(&self, named: Option<String>) -> Result<String> {
        if let Some(name) = named {
            config::check_profile_name(&name)?;
            return Ok(name);
        }
        self.prompter
            .input("Profile name", "--profile-name", Some("main"), |name| {
                config::check_profile_name(name).map(|()| name.to_owned())
            })
    }

    /// Returns `true` if an existing profile of that name is to be replaced.
    pub(super) fn replace(&self, name: &str, path: &Path, force: bool) -> Result<bool> {
        if force || !self.config.profiles.contains_key(name) {
            return Ok(force);
        }
        let exists = format!("profile {name} already exists in {}", path.display());
        if self.agrees(&format!("{exists}; replace it?"))? {
            return Ok(true);
        }
        Err(Error::conflict(format!("{exists}; nothing was changed"))
            .hint("use --force to replace it, or choose another name with --profile-name"))
    }

    /// Returns the source of the URL.
    pub(super) fn url(&self, source: SourceArgs) -> Result<UrlSource> {
        match (self.source(source)?, &self.app.global.database_url) {
            (Some(_), Some(_)) => Err(Error::usage(
                "--database-url cannot be combined with another source of the URL",
            )
            .hint("use only one of them")),
            (Some(source), None) => Ok(source),
            (None, Some(url)) => Ok(UrlSource::Url(url.as_str().into())),
            (None, None) => self.ask_source(),
        }
    }

    fn source(&self, args: SourceArgs) -> Result<Option<UrlSource>> {
        let SourceArgs {
            database_url_env,
            database_url_command,
            database_url_file,
            database_url_stdin,
        } = args;
        if database_url_stdin {
            return read_stdin().map(|url| Some(UrlSource::Url(url)));
        }
        let file = database_url_file.map(absolute).transpose()?;
        Ok(database_url_env
            .map(UrlSource::Variable)
            .or(database_url_command.map(UrlSource::Command))
            .or(file.map(UrlSource::File)))
    }

    fn ask_source(&self) -> Result<UrlSource> {
        let places = [
            "in the configuration file, which only you can read",
            "in an environment variable",
            "printed by a command, such as a password manager",
            "in a separate file",
        ];
        let chosen =
            self.prompter
                .select("Source of the database URL", SOURCE_FLAGS, &places, 0)?;
        let ask = |label, flag| self.prompter.input(label, flag, None, required);
        match chosen {
            0 => self.ask_url().map(UrlSource::Url),
            1 => ask("Variable name", "--database-url-env").map(UrlSource::Variable),
            2 => ask("Command", "--database-url-command").map(UrlSource::Command),
            _ => ask("File path", "--database-url-file")
                .and_then(|path| absolute(path.into()))
                .map(UrlSource::File),
        }
    }

    /// Prompts for the URL, and separately for the password so that it is not displayed.
    fn ask_url(&self) -> Result<SecretString> {
        let label = "Database URL, without its password (postgres://USER@HOST:5432/DATABASE)";
        let url: SecretString =
            self.prompter
                .input(label, "--database-url-stdin", None, |text| {
                    let url = SecretString::from(text);
                    match Endpoint::parse(&url) {
                        Ok(_) => Ok(url),
                        Err(error) => {
                            Err(Error::bad_input(format!("the URL {error}")).hint(URL_FORM))
                        }
                    }
                })?;
        if config::has_password(&url) {
            return Ok(url);
        }
        let password = self.prompter.password(
            "Password, not shown (press Enter for none)",
            "--database-url-stdin",
        )?;
        if password.expose_secret().is_empty() {
            return Ok(url);
        }
        config::with_password(&url, &password).ok_or_else(|| {
            Error::bad_input("a URL without a host cannot include a password").hint(URL_FORM)
        })
    }

    /// Returns `true` if the profile becomes the default. The first profile always does.
    pub(super) fn default(&self, name: &str, flag: bool) -> Result<bool> {
        match &self.config.default_profile {
            _ if flag => Ok(true),
            None => Ok(true),
            Some(current) if current == name => Ok(true),
            Some(current) => self.agrees(&format!(
                "Make {name} the default profile instead of {current}?"
            )),
        }
    }

    /// Asks whether to write the profile although the connection failed.
    pub(super) fn write_all_the_same(&self, error: Error) -> Result<()> {
        if !self.prompter.interactive() || self.app.global.yes {
            return Err(error.hint("use --no-connect to write the profile anyway"));
        }
        self.app.printer.error(&error);
        match self.agrees("Write the profile anyway?")? {
            true => Ok(()),
            false => Err(Error::refused("nothing was written")),
        }
    }

    /// Returns `true` if the database is to be migrated.
    pub(super) fn migrate(&self, schema: Option<SchemaState>, flag: bool) -> Result<bool> {
        match schema {
            Some(SchemaState::Empty | SchemaState::Behind) if flag || self.app.global.yes => {
                Ok(true)
            }
            Some(SchemaState::Empty | SchemaState::Behind) => {
                self.agrees("The database is not migrated. Migrate it now?")
            }
            _ => Ok(false),
        }
    }

    /// Asks a yes/no question. Without a terminal the answer is no; with `--yes` it is yes.
    fn agrees(&self, question: &str) -> Result<bool> {
        match self
            .prompter
            .confirm(question, "--yes", self.app.global.yes)
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Refused => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn required(text: &str) -> Result<String> {
    match text {
        "" => Err(Error::bad_input("a value is required")),
        text => Ok(text.to_owned()),
    }
}

fn read_stdin() -> Result<SecretString> {
    let text = io::read_to_string(io::stdin()).context("cannot read the URL from stdin")?;
    match text.lines().next().map(str::trim) {
        Some(url) if !url.is_empty() => Ok(url.into()),
        _ => Err(
            Error::usage("--database-url-stdin: the first line of stdin is empty").hint(
                Hint::from("pass show clinic/db | ").then(run!["init", "--database-url-stdin"]),
            ),
        ),
    }
}

/// Makes a path absolute: a relative path in the configuration file would be resolved against the
/// directory of that file.
fn absolute(path: PathBuf) -> Result<PathBuf> {
    if path.starts_with("~") {
        return Ok(path);
    }
    std::path::absolute(&path).context(format!("cannot make {} absolute", path.display()))
}
