//! `tenantctl db`: commands on the whole database.

mod protect;
mod reseal;
mod role;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    app::App,
    config::DatabaseSource,
    db::migrate::{
        self, CHANGED_REMEDY, FOREIGN_REMEDY, Foreign, Migration, MigrationState, Status,
    },
    error::{Error, ErrorKind, Result},
    hint::Hint,
    output::{Cell, Page, Style, View},
    run,
    services::{claims, protection, roles},
};

/// Migrate the database, show its status, protect it, create its roles, and reseal its secrets.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    Migrate(MigrateArgs),
    Status(StatusArgs),
    Reseal(reseal::ResealArgs),
    Role(role::RoleArgs),
    Protect(protect::ProtectArgs),
    Unprotect(protect::UnprotectArgs),
}

impl DbCommand {
    /// Runs the verb.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Migrate(args) => app.show(args.run(app).await?).await,
            Self::Status(args) => args.run(app).await,
            Self::Reseal(args) => args.run(app).await,
            Self::Role(args) => args.run(app).await,
            Self::Protect(args) => app.show(args.run(app).await?).await,
            Self::Unprotect(args) => app.show(args.run(app).await?).await,
        }
    }
}

/// Apply the missing migrations, all in one transaction.
///
/// Concurrent runs are safe: the second waits and then finds nothing to do. A database with a newer
/// schema, or with tables of the same names but other migrations, is not changed.
///
/// The connecting role need not be a superuser. It needs CREATE on the schema (usually public), and
/// either CREATEROLE or two existing roles. It must be a member of the first:
///   CREATE ROLE tenant_app NOLOGIN; GRANT tenant_app TO "your_role";
///   CREATE ROLE tenant_server NOLOGIN;
///
/// Examples:
///   tenantctl db migrate --dry-run
///   tenantctl db migrate
///   tenantctl --profile local db migrate -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct MigrateArgs {}

impl MigrateArgs {
    async fn run(self, app: &App) -> Result<MigratedView> {
        app.require_operator("migrate the database")?;
        migrate(app).await
    }
}

/// Migrates the database of `app`. `init` calls it as well, after a prompt.
pub(super) async fn migrate(app: &App) -> Result<MigratedView> {
    let target = app.target()?;
    let database = target.describe();
    let db = app.database_as_is().await?;
    let applied = migrate::run(db).await?;
    if target.source == DatabaseSource::Local && !app.global.dry_run {
        roles::create_missing(&app.owner_session().await?).await?;
    }
    let conflicting_claims = match applied
        .iter()
        .any(|one| one.version == EXCLUSIVE_IDENTITIES)
    {
        true => claims::waiting(db).await?.conflicting,
        false => 0,
    };
    Ok(MigratedView {
        database,
        applied,
        conflicting_claims,
    })
}

/// The migration from which on an identity belongs to one organization.
const EXCLUSIVE_IDENTITIES: i64 = 11;

#[derive(Serialize)]
pub(super) struct MigratedView {
    /// The database for display, without its password.
    database: String,
    /// The migrations applied by this call.
    pub(super) applied: Vec<Migration>,
    /// Number of identities that several organizations had configured and that the migration
    /// released. Their claims wait for the operator.
    #[serde(skip_serializing_if = "is_zero")]
    conflicting_claims: i64,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl View for MigratedView {
    fn human(&self, page: &mut Page) {
        if !self.applied.is_empty() {
            migrations_table(page, &self.applied);
        }
    }

    fn summary(&self) -> Option<String> {
        Some(match self.applied.len() {
            0 => format!("nothing to do: {} is up to date", self.database),
            1 => format!("applied 1 migration to {}", self.database),
            count => format!("applied {count} migrations to {}", self.database),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match self.applied.first() {
            Some(first) if first.version == 1 => vec![run!["org", "create", "NAME"]],
            _ if self.conflicting_claims > 0 => {
                vec![run!["channel", "claim", "list", "--status", "pending"]]
            }
            _ => Vec::new(),
        }
    }

    fn warnings(&self) -> Vec<Hint> {
        if self.conflicting_claims == 0 {
            return Vec::new();
        }
        let warning = format!(
            "{} claims to numbers, agents or instances that several organizations had configured are \
             pending: each now belongs to one organization",
            self.conflicting_claims
        );
        vec![warning.into()]
    }
}

/// Show each migration, and its status in the database.
///
/// Exit code 0 in any state; with --check, 7 unless the database is up to date.
///
/// Examples:
///   tenantctl db status
///   tenantctl db status --check && ./deploy
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct StatusArgs {
    /// Exit with 7 unless the database is up to date.
    #[arg(long)]
    check: bool,
}

impl StatusArgs {
    async fn run(self, app: &App) -> Result<()> {
        app.require_operator("look at the migrations")?;
        let database = app.target()?.describe();
        let db = app.database_as_is().await?;
        let status = migrate::status(db).await?;
        let (protection, unread) = match protection::find(db).await {
            Ok(found) => (found, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let view = StatusView {
            database,
            protection: protection.map(|protection| protection.label),
            unread,
            state: SchemaState::of(&status),
            conflicting_tables: status.foreign.iter().flat_map(Foreign::tables).collect(),
            migrations: status.migrations,
            foreign: status.foreign,
        };
        app.printer.view(&view)?;
        if self.check {
            view.require_current()?;
        }
        Ok(())
    }
}

/// State of the schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SchemaState {
    /// All migrations of this release are applied.
    Current,
    /// Some migrations are missing.
    Behind,
    /// No migration is applied.
    Empty,
    /// It was migrated by a newer release.
    Newer,
    /// A migration was applied with other contents than in this release.
    Changed,
    /// It contains tables of the same names that tenantctl did not create.
    Foreign,
}

impl SchemaState {
    pub(super) fn of(status: &Status) -> Self {
        let any = |state| status.migrations.iter().any(|m| m.state == state);
        if status.foreign.is_some() {
            Self::Foreign
        } else if any(MigrationState::Unknown) {
            Self::Newer
        } else if any(MigrationState::Changed) {
            Self::Changed
        } else if !any(MigrationState::Pending) {
            Self::Current
        } else if any(MigrationState::Applied) {
            Self::Behind
        } else {
            Self::Empty
        }
    }

    pub(super) fn cell(self, style: &Style) -> Cell {
        match self {
            Self::Current => style.ok("up to date"),
            Self::Behind => style.warn("migrations are missing"),
            Self::Empty => style.warn("not migrated"),
            Self::Newer => style.bad("newer than this tenantctl"),
            Self::Changed => style.bad("differs from this tenantctl"),
            Self::Foreign => style.bad("not created by tenantctl"),
        }
    }
}

#[derive(Serialize)]
struct StatusView {
    /// The database for display, without its password.
    database: String,
    /// The label of its protection; null if destructive commands do not require `--confirm`.
    protection: Option<String>,
    /// The reason the protection could not be read.
    #[serde(skip)]
    unread: Option<String>,
    state: SchemaState,
    /// Objects that have the name of one of our tables and were not created by tenantctl.
    conflicting_tables: Vec<String>,
    migrations: Vec<Migration>,
    #[serde(skip)]
    foreign: Option<Foreign>,
}

impl StatusView {
    fn require_current(&self) -> Result<()> {
        let database = &self.database;
        if let Some(foreign) = &self.foreign {
            return Err(foreign.error(ErrorKind::Unavailable));
        }
        match self.state {
            SchemaState::Current => Ok(()),
            SchemaState::Behind | SchemaState::Empty | SchemaState::Foreign => {
                Err(Error::unavailable(format!("{database} is not up to date"))
                    .hint(run!["db", "migrate"]))
            }
            SchemaState::Newer => Err(Error::unavailable(format!(
                "{database} was migrated by a newer tenantctl"
            ))
            .hint("install the tenantctl release that migrated it")),
            SchemaState::Changed => Err(Error::unavailable(format!(
                "{database} has migrations with other contents than this tenantctl has"
            ))
            .hint(CHANGED_REMEDY)),
        }
    }
}

impl View for StatusView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.field("Database", &self.database)
            .field("Schema", self.state.cell(&style))
            .field(
                "Protected",
                match &self.protection {
                    Some(label) => style.ok(label),
                    None if self.unread.is_some() => style.warn("unknown"),
                    None => style.dim("no"),
                },
            )
            .blank();
        migrations_table(page, &self.migrations);
    }

    fn next(&self) -> Vec<Hint> {
        match self.state {
            SchemaState::Behind | SchemaState::Empty => vec![run!["db", "migrate"]],
            SchemaState::Current
            | SchemaState::Newer
            | SchemaState::Changed
            | SchemaState::Foreign => Vec::new(),
        }
    }

    fn warnings(&self) -> Vec<Hint> {
        let foreign = self.foreign.iter();
        let mut warnings: Vec<Hint> = foreign
            .map(|foreign| format!("{foreign}; {FOREIGN_REMEDY}").into())
            .collect();
        if let Some(reason) = &self.unread {
            warnings.push(format!("could not read the protection: {reason}").into());
        }
        if self.state == SchemaState::Changed {
            warnings.push(CHANGED_REMEDY.into());
        }
        warnings
    }
}

fn migrations_table(page: &mut Page, migrations: &[Migration]) {
    let style = page.style();
    let rows: Vec<_> = migrations
        .iter()
        .map(|migration| {
            vec![
                migration.version.into(),
                migration.description.as_str().into(),
                match migration.state {
                    MigrationState::Applied => style.ok("applied"),
                    MigrationState::Pending => style.warn("pending"),
                    MigrationState::Unknown => style.bad("unknown to this tenantctl"),
                    MigrationState::Changed => style.bad("applied with other contents"),
                },
            ]
        })
        .collect();
    page.table(&["VERSION", "MIGRATION", "STATE"], &rows);
}
