//! `tenantctl config`: the configuration file and the effective settings.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    app::{App, Written},
    cli::Scope,
    config::{self, Setting, Validation, ValueSource},
    crypto::new_key_text,
    error::{Context, Error, ErrorKind, Result},
    files::{self, Existing, Readers},
    hint::Hint,
    output::{Cell, Page, Printer, Style, View},
    run,
};

/// Show and validate the configuration.
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
    /// Runs the subcommand.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Path(args) => app.printer.view(&args.run(app)?),
            Self::Show(args) => app.printer.view(&args.run(app)?),
            Self::Validate(args) => args.run(app),
            Self::Schema(args) => args.run(app),
            Self::NewKey(args) => args.run(app),
        }
    }
}

/// Print the path of the configuration file, whether or not it exists.
///
/// The first of these is used: --config, TENANTCTL_CONFIG, tenantctl/config.toml in
/// XDG_CONFIG_HOME, tenantctl/config.toml in ~/.config.
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
            false => vec![run!["init"].labeled("the file does not exist; create it")],
        }
    }
}

/// Show the effective settings, where each comes from, and the selected database.
///
/// Passwords are masked. If the profile takes its URL from a command, that command is run.
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
    /// Description of the selected database, without its password.
    database: Option<String>,
    /// The reason if no database is selected.
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
            false => style.dim(format!("{path} (does not exist: using defaults)")),
        };
        let database = match (&self.database, &self.no_database) {
            (Some(database), _) => database.into(),
            (None, reason) => style.warn(reason.as_deref().unwrap_or("none selected")),
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

/// Report every error in the configuration file. The exit code is 6 if there are any.
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
            1 => Err(Error::bad_input(format!("{path} has 1 error"))),
            count => Err(Error::bad_input(format!("{path} has {count} errors"))),
        }
        .map_err(|error| {
            error.hint(run!["config", "schema"].labeled("see every key with its type"))
        })
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
        page.table(&["LINE", "KEY", "ERROR", "FIX"], &rows);
    }

    fn summary(&self) -> Option<String> {
        let path = self.path.display();
        match (self.valid, self.exists) {
            (true, true) => Some(format!("{path} is valid")),
            (true, false) => Some(format!(
                "{path} does not exist; the built-in defaults are valid"
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
///   tenantctl config schema --out tenantctl.schema.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SchemaArgs {
    /// Write the schema to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl SchemaArgs {
    fn run(self, app: &App) -> Result<()> {
        let schema = serde_json::to_string_pretty(&config::json_schema())
            .context("could not write the schema as JSON")?;
        app.print_or_write(self.out.as_deref(), &format!("{schema}\n"), "the schema")
    }
}

/// Generate a key that encrypts stored secrets, and print it or write it to a private file.
///
/// The key is not stored anywhere else. Keep it apart from the database and its backups. Several
/// keys go on one line, separated by commas; the first one encrypts. To rotate keys, see
/// tenantctl db reseal --help
///
/// Examples:
///   tenantctl config new-key --out ~/.config/tenantctl/secret-keys
///   tenantctl config new-key | pass insert -e clinic/tenantctl-keys
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct NewKeyArgs {
    /// Write the key to this file (mode 0600) instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl NewKeyArgs {
    fn run(self, app: &App) -> Result<()> {
        app.require_operator("make keys")?;
        let key = new_key_text()?;
        match self.out.filter(|path| !files::is_stdout(path)) {
            None => app.printer.view(&NewKeyView {
                key: key.to_string(),
            }),
            Some(path) => write_key(app, &path, &key),
        }
    }
}

/// Writes a new key file. An existing one is never replaced, even with `--overwrite`: the secrets
/// encrypted with its keys would be lost.
fn write_key(app: &App, path: &Path, key: &str) -> Result<()> {
    files::expect_writable(path, Existing::Refuse).map_err(|error| match error.kind() {
        ErrorKind::Conflict if path.is_file() && !path.is_symlink() => Error::conflict(format!(
            "{}: file already exists, and key files are never replaced",
            path.display()
        ))
        .hint("secrets encrypted with its keys could no longer be decrypted")
        .hint(run!["db", "reseal", "--help"].labeled("to add a key to it")),
        _ => error,
    })?;
    if !app.global.dry_run {
        let line = Zeroizing::new(format!("{key}\n"));
        files::write(path, line.as_bytes(), Existing::Refuse, Readers::Owner)?;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    app.printer.view(&Written {
        written: !app.global.dry_run,
        summary: format!("a key to {}, readable only by its owner", path.display()),
        next: vec![
            format!(
                "set it in the [secrets] section: keys_file = {:?}",
                absolute.display().to_string()
            )
            .into(),
        ],
        files: vec![path.to_owned()],
    })
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
        vec!["configure it: keys_file or keys_command in the [secrets] section, or TENANTCTL_SECRET_KEYS".into()]
    }
}
