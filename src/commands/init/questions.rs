//! What `init` asks for where the flags do not say it.

use std::{
    io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use super::SourceArgs;
use crate::{
    commands::db::SchemaState,
    config::{self, Config, Endpoint, URL_FORM, UrlSource},
    context::App,
    error::{Context, Error, ErrorKind, Result},
    hint::Hint,
    output::Prompter,
    run,
};

/// The flags that say where the URL is.
const SOURCE_FLAGS: &str = "--database-url-env, --database-url-command, --database-url-file, \
                            --database-url-stdin or --database-url";

/// Asks, or takes the answer from the flags.
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

    /// The name of the profile.
    pub(super) fn name(&self, named: Option<String>) -> Result<String> {
        if let Some(name) = named {
            config::check_profile_name(&name)?;
            return Ok(name);
        }
        self.prompter.input(
            "Name of the profile",
            "--profile-name",
            Some("main"),
            |name| config::check_profile_name(name).map(|()| name.to_owned()),
        )
    }

    /// Whether a profile of that name is to be replaced.
    pub(super) fn replace(&self, name: &str, path: &Path, force: bool) -> Result<bool> {
        if force || !self.config.profiles.contains_key(name) {
            return Ok(force);
        }
        let exists = format!("profile {name} exists already in {}", path.display());
        if self.agrees(&format!("{exists}; replace it?"))? {
            return Ok(true);
        }
        Err(Error::conflict(format!("{exists}; nothing was changed"))
            .hint("replace it with --force, or choose another name with --profile-name"))
    }

    /// Where the URL comes from.
    pub(super) fn url(&self, source: SourceArgs) -> Result<UrlSource> {
        match (self.source(source)?, &self.app.global.database_url) {
            (Some(_), Some(_)) => Err(Error::usage(
                "--database-url and another source of the URL are given",
            )
            .hint("keep one of the two")),
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
            "a command prints it, such as that of a password manager",
            "in a file of its own",
        ];
        let chosen = self
            .prompter
            .select("Place of the database URL", SOURCE_FLAGS, &places, 0)?;
        let ask = |label, flag| self.prompter.input(label, flag, None, required);
        match chosen {
            0 => self.ask_url().map(UrlSource::Url),
            1 => ask("Name of the variable", "--database-url-env").map(UrlSource::Variable),
            2 => ask("The command", "--database-url-command").map(UrlSource::Command),
            _ => ask("Path of the file", "--database-url-file")
                .and_then(|path| absolute(path.into()))
                .map(UrlSource::File),
        }
    }

    /// The password is asked for by itself, so that it does not show.
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
            "Password, not shown (Enter alone: none)",
            "--database-url-stdin",
        )?;
        if password.expose_secret().is_empty() {
            return Ok(url);
        }
        config::with_password(&url, &password).ok_or_else(|| {
            Error::bad_input("a URL without a host cannot carry a password").hint(URL_FORM)
        })
    }

    /// Whether the profile is used where none is named: the first one is.
    pub(super) fn default(&self, name: &str, flag: bool) -> Result<bool> {
        match &self.config.default_profile {
            _ if flag => Ok(true),
            None => Ok(true),
            Some(current) if current == name => Ok(true),
            Some(current) => self.agrees(&format!(
                "Use {name} where no profile is named, in place of {current}?"
            )),
        }
    }

    /// After the connection failed: whether the profile is written although it leads nowhere now.
    pub(super) fn write_all_the_same(&self, error: Error) -> Result<()> {
        if !self.prompter.interactive() || self.app.global.yes {
            return Err(error.hint("to write the profile all the same: --no-connect"));
        }
        self.app.printer.error(&error);
        match self.agrees("Write the profile all the same?")? {
            true => Ok(()),
            false => Err(Error::refused("nothing was written")),
        }
    }

    /// Whether the database is to be migrated.
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

    /// Yes or no; no where nobody can be asked, yes with `--yes`.
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
        "" => Err(Error::bad_input("it is needed")),
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

/// A relative path in the configuration file would start at the folder of that file.
fn absolute(path: PathBuf) -> Result<PathBuf> {
    if path.starts_with("~") {
        return Ok(path);
    }
    std::path::absolute(&path).context(format!("cannot make {} absolute", path.display()))
}
