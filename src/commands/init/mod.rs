//! `tenantctl init`

mod questions;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use self::questions::Questions;
use super::db::{self as db_commands, SchemaState};
use crate::{
    app::{App, connect_settings},
    cli::GlobalArgs,
    commands::root::takes,
    config::{
        self, Config, DatabaseTarget, NewProfile, PROFILE_VARIABLE, TENANTCTL_DATABASE_URL_VARIABLE,
    },
    db::{
        Database,
        migrate::{self, Migration},
    },
    error::{ErrorKind, Result},
    hint::Hint,
    output::{Page, View},
};

/// Create a connection profile in the configuration file.
///
/// Prompts for missing values, tests the connection, writes the profile, and offers to migrate
/// the database. Comments and other profiles in the file are preserved. The first profile becomes
/// the default.
///
/// A URL to store in the file itself is read from --database-url, stdin or a prompt; only the
/// owner can read the file. It is safer to store only the source of the secret.
///
/// Examples:
///   tenantctl init
///   tenantctl init --profile-name staging --database-url-env STAGING_DATABASE_URL --migrate
///   tenantctl init --profile-name production --database-url-command 'pass show clinic/db' --protected
///   pass show clinic/db | tenantctl init --profile-name staging --database-url-stdin --force
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct InitArgs {
    /// Name of the profile: letters, digits, - and _. Default: the value of --profile.
    #[arg(long, value_name = "NAME")]
    profile_name: Option<String>,

    #[command(flatten)]
    source: SourceArgs,

    /// Make this the default profile, replacing the current default.
    #[arg(long)]
    default: bool,

    /// Require confirmation of destructive commands in this profile even with --yes.
    #[arg(long)]
    protected: bool,

    /// Migrate the database without asking.
    #[arg(long, conflicts_with = "no_connect")]
    migrate: bool,

    /// Write the profile without testing the connection.
    #[arg(long)]
    no_connect: bool,

    /// Replace a profile of the same name.
    #[arg(long)]
    force: bool,
}

/// Source of the profile's URL; at most one is set.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct SourceArgs {
    /// Environment variable that contains the URL.
    #[arg(long, value_name = "VARIABLE")]
    database_url_env: Option<String>,

    /// Command that prints the URL as its first line.
    #[arg(long, value_name = "COMMAND")]
    database_url_command: Option<String>,

    /// File with the URL on its first line.
    #[arg(long, value_name = "FILE")]
    database_url_file: Option<PathBuf>,

    /// Read the URL from stdin and store it in the configuration file.
    #[arg(long)]
    database_url_stdin: bool,
}

impl InitArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// `Usage` if a value is missing and there is no terminal to prompt on, `Conflict` if the
    /// profile exists, `Unavailable` if the database cannot be reached. In all cases nothing is
    /// written.
    pub async fn run(self, app: &App) -> Result<()> {
        app.refuse_dry_run("init")?;
        app.require_operator("configure databases")?;
        let path = config::config_file(app.global.config.as_deref(), &app.environment)?;
        let before = config_so_far(app)?;
        let questions = Questions::new(app, &before);

        let named = self.profile_name.or_else(|| app.global.profile.clone());
        let name = questions.name(named)?;
        let replace = questions.replace(&name, &path, self.force)?;
        let profile = NewProfile {
            url: questions.url(self.source)?,
            protected: self.protected,
            organization: app.global.org.clone(),
            default: questions.default(&name, self.default)?,
            replace,
        };
        let target = profile.target(&path, &name, &app.environment)?;
        let schema = match self.no_connect {
            true => None,
            false => match look(app, &before, &target).await {
                Ok(schema) => Some(schema),
                Err(error) => {
                    questions.write_all_the_same(error)?;
                    None
                }
            },
        };
        config::write_profile(&path, &name, &profile)?;
        let mut view = InitView {
            later: Later::new(app, &name, profile.default),
            path,
            profile: name,
            default: profile.default,
            protected: profile.protected,
            database: target.describe(),
            schema,
            applied: Vec::new(),
        };
        if questions.migrate(schema, self.migrate)? {
            view.migrate(app).await?;
        }
        app.printer.view(&view)
    }
}

/// Returns the current configuration. A file named by `--config` that does not exist yet is about
/// to be created.
fn config_so_far(app: &App) -> Result<Config> {
    match app.config() {
        Ok(config) => Ok(config.clone()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(error),
    }
}

/// Connects and reads the state of the schema.
async fn look(app: &App, config: &Config, target: &DatabaseTarget) -> Result<SchemaState> {
    let progress = app
        .printer
        .spinner(&format!("connecting to {}", target.describe()));
    let db = Database::connect(&connect_settings(config, target)).await?;
    let status = migrate::status(&db).await?;
    progress.finish();
    Ok(SchemaState::of(&status))
}

/// Access of later invocations to the database of the new profile.
struct Later {
    /// The profile that a command has to name.
    profile: Option<String>,
    /// The environment variable that overrides the default profile.
    hidden_by: Option<&'static str>,
}

impl Later {
    fn new(app: &App, name: &str, default: bool) -> Self {
        let variables = [TENANTCTL_DATABASE_URL_VARIABLE, PROFILE_VARIABLE];
        let hidden_by = variables
            .into_iter()
            .find(|variable| app.environment.get_os(variable).is_some());
        // Without an explicit profile, the printed command would repeat these flags instead.
        let flags = &app.global;
        let named =
            flags.config.is_some() || flags.profile.is_some() || flags.database_url.is_some();
        let is_named = !default || hidden_by.is_some() || named;
        Self {
            profile: is_named.then(|| name.to_owned()),
            hidden_by: hidden_by.filter(|_| default),
        }
    }
}

impl Later {
    fn command(&self, words: &[&str]) -> Hint {
        let profile = self.profile.iter();
        let flags = profile.flat_map(|name| ["--profile", name]);
        Hint::run(flags.chain(words.iter().copied()))
    }
}

#[derive(Serialize)]
struct InitView {
    path: PathBuf,
    profile: String,
    default: bool,
    protected: bool,
    /// Description of the database, without its password.
    database: String,
    /// State of the schema; null if the connection was not tested, or failed.
    schema: Option<SchemaState>,
    /// The migrations that were applied.
    applied: Vec<Migration>,
    #[serde(skip)]
    later: Later,
}

impl InitView {
    /// Migrates through the new profile, as a later invocation would.
    async fn migrate(&mut self, app: &App) -> Result<()> {
        let global = GlobalArgs {
            profile: Some(self.profile.clone()),
            database_url: None,
            ..app.global.clone()
        };
        let later = App::new(global, app.environment.clone(), takes);
        let migrated = db_commands::migrate(&later).await.map_err(|error| {
            let retry = self.later.command(&["db", "migrate"]);
            error.hint(retry.labeled("the profile was written; when the cause is fixed, retry"))
        })?;
        self.schema = Some(SchemaState::Current);
        self.applied = migrated.applied;
        Ok(())
    }
}

impl View for InitView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.field("File", self.path.to_string_lossy())
            .field("Profile", style.bold(&self.profile))
            .field("Used by default", self.default)
            .field("Protected", self.protected)
            .field("Database", &self.database)
            .field(
                "Schema",
                match self.schema {
                    Some(schema) => schema.cell(&style),
                    None => style.dim("not checked"),
                },
            );
    }

    fn summary(&self) -> Option<String> {
        let migrated = match self.applied.len() {
            0 => String::new(),
            1 => ", and its database was migrated (1 migration)".to_owned(),
            count => format!(", and its database was migrated ({count} migrations)"),
        };
        Some(format!(
            "profile {} was written to {}{migrated}",
            self.profile,
            self.path.display()
        ))
    }

    fn next(&self) -> Vec<Hint> {
        let command: &[&str] = match self.schema {
            Some(SchemaState::Current) => &["org", "create", "NAME"],
            Some(SchemaState::Empty | SchemaState::Behind) => &["db", "migrate"],
            Some(SchemaState::Newer | SchemaState::Changed | SchemaState::Foreign) | None => {
                &["doctor"]
            }
        };
        vec![self.later.command(command)]
    }

    fn warnings(&self) -> Vec<Hint> {
        let hidden = self.later.hidden_by.map(|variable| {
            Hint::from(format!(
                "{variable} is set and overrides the default profile: unset it, or add --profile {}",
                self.profile
            ))
        });
        hidden.into_iter().collect()
    }
}
