//! `tenantctl config`: the configuration file and what it amounts to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::Scope,
    config::{self, Setting, Validation, ValueSource},
    context::App,
    crypto::new_key_text,
    error::{Context, Error, Result},
    hint::Hint,
    output::Printer,
    output::{Cell, Page, Style, View},
    run,
};

/// Look at the configuration: where it is, what it says, whether it is valid.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Path(PathArgs),
    #[command(add = Scope::Database)]
    Show(ShowArgs),
    Validate(ValidateArgs),
    #[command(add = Scope::Alone)]
    Schema(SchemaArgs),
    #[command(add = Scope::Alone)]
    NewKey(NewKeyArgs),
}

impl ConfigCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// What the verb could not do.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Path(args) => app.printer.view(&args.run(app)?),
            Self::Show(args) => app.printer.view(&args.run(app)?),
            Self::Validate(args) => args.run(app),
            Self::Schema(args) => args.run(app),
            Self::NewKey(args) => app.printer.view(&args.run(app)?),
        }
    }
}

/// Print the path of the configuration file, which need not exist.
///
/// In this order: --config, TENANTCTL_CONFIG, tenantctl/config.toml in XDG_CONFIG_HOME, and in
/// ~/.config.
///
/// Examples:
///   tenantctl config path
///   $EDITOR "$(tenantctl config path)"
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct PathArgs {}

impl PathArgs {
    fn run(self, app: &App) -> Result<PathView> {
        let path = config::config_file(app.global.config.as_deref(), &app.environment)?;
        Ok(PathView {
            exists: path.exists(),
            path,
        })
    }
}

#[derive(Serialize)]
struct PathView {
    path: PathBuf,
    exists: bool,
}

impl View for PathView {
    fn human(&self, page: &mut Page) {
        page.line(self.path.to_string_lossy());
    }

    fn next(&self) -> Vec<Hint> {
        match self.exists {
            true => Vec::new(),
            false => vec![run!["init"].labeled("it does not exist yet")],
        }
    }
}

/// Show every value that is in force, where it comes from, and which database it leads to.
///
/// Passwords are masked. A profile that takes its URL from a command has that command run.
///
/// Examples:
///   tenantctl config show
///   tenantctl --profile staging config show -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {}

impl ShowArgs {
    fn run(self, app: &App) -> Result<SettingsView> {
        app.require_operator("see the configuration")?;
        let loaded = app.loaded()?;
        let (database, no_database) = match app.target() {
            Ok(target) => (Some(target.describe()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(SettingsView {
            path: loaded.path.clone(),
            exists: loaded.existed,
            database,
            no_database,
            settings: loaded.settings(),
            warnings: loaded.warnings.clone(),
        })
    }
}

#[derive(Serialize)]
struct SettingsView {
    path: PathBuf,
    exists: bool,
    /// The database that is meant, in words and without its password.
    database: Option<String>,
    /// Why there is none.
    no_database: Option<String>,
    settings: Vec<Setting>,
    warnings: Vec<String>,
}

impl View for SettingsView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let path = self.path.to_string_lossy();
        let file = match self.exists {
            true => path.into_owned().into(),
            false => style.dim(format!("{path} (does not exist: every value is built in)")),
        };
        let database = match (&self.database, &self.no_database) {
            (Some(database), _) => database.into(),
            (None, reason) => style.warn(reason.as_deref().unwrap_or("none is named")),
        };
        page.field("File", file).field("Database", database).blank();
        let rows: Vec<_> = self
            .settings
            .iter()
            .map(|setting| {
                vec![
                    style.bold(&setting.key),
                    value_cell(&setting.value),
                    source_cell(&style, setting.source),
                ]
            })
            .collect();
        page.table(&["KEY", "VALUE", "FROM"], &rows);
    }

    fn warnings(&self) -> Vec<Hint> {
        self.warnings.iter().map(Hint::from).collect()
    }
}

fn value_cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::optional(None::<Cell>),
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

fn source_cell(style: &Style, source: ValueSource) -> Cell {
    match source {
        ValueSource::Default => style.dim(source.to_string()),
        _ => source.to_string().into(),
    }
}

/// Look for every mistake in the configuration file. Exit code 6 when there are any.
///
/// Examples:
///   tenantctl config validate
///   tenantctl --config ./config.toml config validate -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ValidateArgs {}

impl ValidateArgs {
    fn run(self, app: &App) -> Result<()> {
        let found = config::validate(app.global.config.as_deref(), &app.environment)?;
        let view = ValidationView::new(found, &app.printer);
        app.printer.view(&view)?;
        let path = view.path.display();
        match view.mistakes.len() {
            0 => Ok(()),
            1 => Err(Error::bad_input(format!("{path} has a mistake"))),
            count => Err(Error::bad_input(format!("{path} has {count} mistakes"))),
        }
        .map_err(|error| error.hint(run!["config", "schema"].labeled("every key, with its type")))
    }
}

#[derive(Serialize)]
struct ValidationView {
    valid: bool,
    path: PathBuf,
    exists: bool,
    mistakes: Vec<MistakeView>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct MistakeView {
    line: usize,
    column: usize,
    key: Option<String>,
    message: String,
    hint: Option<String>,
}

impl ValidationView {
    fn new(found: Validation, printer: &Printer) -> Self {
        let mistakes = found.mistakes.into_iter().map(|mistake| MistakeView {
            line: mistake.line,
            column: mistake.column,
            key: mistake.key,
            message: mistake.message,
            hint: mistake.hint.map(|hint| printer.complete(&hint)),
        });
        let mistakes: Vec<MistakeView> = mistakes.collect();
        Self {
            valid: mistakes.is_empty(),
            path: found.path,
            exists: found.exists,
            mistakes,
            warnings: found.warnings,
        }
    }
}

impl View for ValidationView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        if self.valid {
            return;
        }
        let rows: Vec<_> = self
            .mistakes
            .iter()
            .map(|mistake| {
                vec![
                    format!("{}:{}", mistake.line, mistake.column).into(),
                    Cell::optional(mistake.key.as_ref()),
                    style.bad(&mistake.message),
                    Cell::optional(mistake.hint.as_ref()),
                ]
            })
            .collect();
        page.table(&["LINE", "KEY", "MISTAKE", "REMEDY"], &rows);
    }

    fn summary(&self) -> Option<String> {
        let path = self.path.display();
        match (self.valid, self.exists) {
            (true, true) => Some(format!("{path} is valid")),
            (true, false) => Some(format!(
                "{path} does not exist: every value is built in, and that is valid"
            )),
            (false, _) => None,
        }
    }

    fn warnings(&self) -> Vec<Hint> {
        self.warnings.iter().map(Hint::from).collect()
    }
}

/// Print the JSON Schema of the configuration file, for editors and CI.
///
/// Examples:
///   tenantctl config schema > tenantctl.schema.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SchemaArgs {}

impl SchemaArgs {
    fn run(self, app: &App) -> Result<()> {
        let schema = serde_json::to_string_pretty(&config::json_schema())
            .context("the schema cannot be written as JSON")?;
        app.printer.raw(&format!("{schema}\n"))
    }
}

/// Make a key to seal stored secrets with. It is printed once and kept nowhere.
///
/// Keep it where the database and its backups are not. Several keys stand in one line, with commas
/// between; the first seals. How they are changed: tenantctl db reseal --help
///
/// Examples:
///   (umask 077; tenantctl config new-key > ~/.config/tenantctl/secret-keys)
///   tenantctl config new-key | pass insert -e clinic/tenantctl-keys
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct NewKeyArgs {}

impl NewKeyArgs {
    fn run(self, app: &App) -> Result<NewKeyView> {
        app.require_operator("make keys")?;
        Ok(NewKeyView {
            key: new_key_text()?.to_string(),
        })
    }
}

#[derive(Serialize)]
struct NewKeyView {
    /// 32 bytes in base64.
    key: String,
}

impl View for NewKeyView {
    fn human(&self, page: &mut Page) {
        page.line(self.key.as_str());
    }

    fn next(&self) -> Vec<Hint> {
        vec!["say where it is: keys_file or keys_command in the section [secrets], or TENANTCTL_SECRET_KEYS".into()]
    }
}
