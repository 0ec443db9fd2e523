//! Migrating a database to this binary's schema, and detecting databases of other applications.

use std::fmt;

use serde::Serialize;
use sqlx::{Row, migrate::Migrator, postgres::PgConnection};

use super::{Authority, Database, PlatformConn};
use crate::{
    error::{Error, ErrorKind, Result},
    quoting::identifier,
    run,
};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// The tables and views of our schema. A database that has some of them without our history belongs
/// to another application.
const OUR_TABLES: &[&str] = &[
    "access_chains",
    "access_log",
    "activity_chains",
    "activity_log",
    "agent_configurations",
    "appointments",
    "calls",
    "channel_claims",
    "channel_configurations",
    "channel_identities",
    "channel_usage",
    "database_protection",
    "effective_channel_configurations",
    "import_jobs",
    "invitation_lookups",
    "messages",
    "mail_deliveries",
    "operatories",
    "organization_invitations",
    "organization_members",
    "organization_slugs",
    "organizations",
    "outbox",
    "outbox_jobs",
    "patient_name_parts",
    "patients",
    "platform_activity_chain",
    "platform_activity_log",
    "providers",
    "quarantined_events",
    "schedules",
    "sign_up_events",
    "stream_tokens",
    "system_agent_configurations",
    "user_organizations",
    "users",
    "webhook_endpoints",
    "webhook_events",
    "webhook_jobs",
    "webhook_secrets",
];

/// A migration, as known to this database or this binary.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Migration {
    pub version: i64,
    pub description: String,
    pub state: MigrationState,
}

/// The state of a migration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    /// In the database and in this binary.
    Applied,
    /// Only in this binary.
    Pending,
    /// Only in the database: a newer tenantctl applied it.
    Unknown,
    /// In both, with different contents: applied by a binary of another line of releases.
    Changed,
}

/// The state of our schema in a database, and any conflict with it.
#[derive(Clone, Debug)]
pub struct Status {
    /// All migrations known to the database or this binary, by version.
    pub migrations: Vec<Migration>,
    /// The reason why `db migrate` would reject the database: it belongs to another application.
    pub foreign: Option<Foreign>,
}

/// Objects in a database that tenantctl did not create and that conflict with our schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Foreign {
    /// `_sqlx_migrations` is the history of another application.
    History,
    /// Tables or views with names of our schema.
    Tables(Vec<String>),
}

impl Foreign {
    /// Returns the conflicting tables.
    pub fn tables(&self) -> Vec<String> {
        match self {
            Self::History => vec!["_sqlx_migrations".to_owned()],
            Self::Tables(names) => names.clone(),
        }
    }

    /// Returns the error of a command that is rejected because of it.
    pub fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.to_string()).hint(FOREIGN_REMEDY)
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History => f.write_str(
                "the table _sqlx_migrations of this database belongs to another application",
            ),
            Self::Tables(names) => write!(
                f,
                "this database already has {} that tenantctl did not create: {}",
                if names.len() == 1 {
                    "a table"
                } else {
                    "tables"
                },
                names.join(", ")
            ),
        }
    }
}

/// Hint for a [`Foreign`] database.
pub const FOREIGN_REMEDY: &str = "nothing was changed; use a separate database: \
     `createdb tenantctl`, then set it in the database URL";

/// Checks that commands can work on this database with this role. A single round trip, because it
/// runs before every command.
///
/// # Errors
/// `Unavailable` if the schema is missing, or is older or newer than this binary; `Refused` if
/// row-level security would hide rows from the platform's own queries, or would not apply to the
/// tenant role.
pub async fn require_usable(db: &Database) -> Result<()> {
    let mut conn = PlatformConn::open(db)?;
    let looked = sqlx::raw_sql(
        "SELECT (SELECT max(version) FROM _sqlx_migrations),
                row_security_active('organizations'),
                (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'tenant_app'),
                current_user,
                (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'organizations'::regclass),
                EXISTS (SELECT FROM _sqlx_migrations
                         WHERE version = 1 AND description = 'tenant scope')",
    )
    .fetch_one(conn.connection())
    .await;
    let row = match looked {
        Ok(row) => row,
        Err(error) if is_undefined_table(&error) => {
            return Err(unusable(conn.connection()).await);
        }
        Err(error) => return Err(explain_refusal(conn.connection(), error).await),
    };
    if !row.try_get::<bool, _>(5)? {
        return Err(Foreign::History.error(ErrorKind::Unavailable));
    }
    let newest: i64 = row.try_get::<Option<i64>, _>(0)?.unwrap_or(0);
    if newest > newest_known() {
        return Err(newer_than_binary(newest));
    }
    let pending = MIGRATOR.iter().filter(|m| m.version > newest).count();
    if pending > 0 {
        return Err(not_migrated(pending));
    }
    let is_bound: bool = row.try_get(1)?;
    match conn.authority() {
        Authority::Owner if is_bound => {
            return Err(not_the_owner(row.try_get(3)?, row.try_get(4)?));
        }
        Authority::Tenant if !is_bound => return Err(not_bound(row.try_get(3)?)),
        Authority::Owner | Authority::Tenant => {}
    }
    if row.try_get::<Option<bool>, _>(2)? == Some(true) {
        return Err(Error::refused(
            "the role tenant_app bypasses row-level security: tenants are not isolated",
        )
        .hint("as an administrator: ALTER ROLE tenant_app NOSUPERUSER NOBYPASSRLS;"));
    }
    Ok(())
}

/// Explains a permission error: a role that may not even read the history does not own the tables,
/// which is the actual problem.
async fn explain_refusal(connection: &mut PgConnection, error: sqlx::Error) -> Error {
    let refused = error
        .as_database_error()
        .is_some_and(|database| database.code().as_deref() == Some("42501"));
    if !refused {
        return error.into();
    }
    let asked = sqlx::query!(
        r#"SELECT current_user::text AS "role!", pg_get_userbyid(relowner)::text AS "owner!"
             FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')"#
    )
    .fetch_one(connection)
    .await;
    match asked {
        Ok(row) => not_the_owner(row.role, row.owner),
        // In a rehearsal the error has aborted the transaction, so no query is possible.
        Err(_) => error.into(),
    }
}

/// Returns the reason why our tables are missing.
async fn unusable(connection: &mut PgConnection) -> Error {
    // In a rehearsal the failed statement has aborted the transaction, so no query is possible.
    match status_on(connection).await {
        Ok(Status {
            foreign: Some(foreign),
            ..
        }) => foreign.error(ErrorKind::Unavailable),
        _ => not_migrated(MIGRATOR.iter().count()),
    }
}

fn not_migrated(pending: usize) -> Error {
    Error::unavailable(format!(
        "the database is not migrated: {pending} of {} migrations are pending",
        MIGRATOR.iter().count()
    ))
    .hint(run!["db", "migrate"].labeled("run"))
}

/// Returns the error for a role that should have only a tenant's rights but has more.
fn not_bound(role: String) -> Error {
    Error::refused(format!(
        "row-level security does not apply to role {role}: tenants are not isolated"
    ))
    .hint(
        run!["db", "role", "server", "--create"]
            .labeled("create a role with a tenant's rights and no others"),
    )
}

/// Returns the error for a role for which row-level security would hide all rows from the
/// platform's queries.
fn not_the_owner(role: String, owner: String) -> Error {
    Error::refused(format!(
        "role {role} does not own the tables (role {owner} does), so it would see no organizations"
    ))
    .hint(format!(
        "connect as {owner}, or make {role} a member of {owner}"
    ))
    .hint(format!(
        "as an administrator: GRANT {} TO {};",
        identifier(&owner),
        identifier(&role)
    ))
}

/// Returns the migration status of the database.
pub async fn status(db: &Database) -> Result<Status> {
    let mut conn = PlatformConn::open(db)?;
    status_on(conn.connection()).await
}

async fn status_on(connection: &mut PgConnection) -> Result<Status> {
    let applied = applied(connection).await?;
    let foreign = if applied.is_empty() {
        foreign_tables(connection).await?
    } else {
        is_foreign_history(&applied).then_some(Foreign::History)
    };
    Ok(Status {
        migrations: known_and_applied(&applied),
        foreign,
    })
}

fn known_and_applied(applied: &[Applied]) -> Vec<Migration> {
    let known = MIGRATOR.iter().map(|migration| Migration {
        version: migration.version,
        description: migration.description.to_string(),
        state: match applied.iter().find(|a| a.version == migration.version) {
            None => MigrationState::Pending,
            Some(applied) if applied.checksum == *migration.checksum => MigrationState::Applied,
            Some(_) => MigrationState::Changed,
        },
    });
    let unknown = applied
        .iter()
        .filter(|applied| !MIGRATOR.version_exists(applied.version))
        .map(|applied| Migration {
            version: applied.version,
            description: applied.description.clone(),
            state: MigrationState::Unknown,
        });
    let mut migrations: Vec<Migration> = known.chain(unknown).collect();
    migrations.sort_by_key(|migration| migration.version);
    migrations
}

/// Applies the pending migrations in one transaction and returns those that this call applied.
/// Concurrent calls are safe: the second one waits for the first, and then finds nothing to do.
///
/// # Errors
/// `Conflict` if the database contains tables with our names but not our history, or a migration
/// with different contents; `Unavailable` if its schema is newer than this binary; `Refused` if the
/// role lacks a privilege.
pub async fn run(db: &Database) -> Result<Vec<Migration>> {
    let mut conn = PlatformConn::begin(db).await?;
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('tenantctl db migrate'))")
        .execute(conn.connection())
        .await?;
    let Status {
        migrations: before,
        foreign,
    } = status_on(conn.connection()).await?;
    if let Some(foreign) = foreign {
        return Err(foreign.error(ErrorKind::Conflict));
    }
    let in_state = |state| before.iter().filter(move |m| m.state == state);
    if let Some(newest) = in_state(MigrationState::Unknown).map(|m| m.version).max() {
        return Err(newer_than_binary(newest));
    }
    if let Some(changed) = in_state(MigrationState::Changed).next() {
        return Err(changed_since(changed.version));
    }
    let mut pending: Vec<Migration> = in_state(MigrationState::Pending).cloned().collect();
    if !pending.is_empty() {
        require_rights(conn.connection()).await?;
        conn.about_to_change();
        // Without the migrator's own session-level lock: this transaction holds a lock.
        let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
        migrator
            .set_locking(false)
            .run(&mut *conn.connection())
            .await
            .map_err(migration_failed)?;
    }
    conn.commit().await?;
    for migration in &mut pending {
        migration.state = MigrationState::Applied;
    }
    Ok(pending)
}

fn migration_failed(error: sqlx::migrate::MigrateError) -> Error {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
            let cause = Error::from(source);
            let failed = Error::new(cause.kind(), "the migration failed and was rolled back");
            let failed = match cause.hints() {
                [] => fix_and_retry(failed),
                _ => failed.hints_of(&cause),
            };
            failed.because(cause)
        }
        MigrateError::VersionMismatch(version) => changed_since(version),
        other => fix_and_retry(Error::failure("the migration failed").because(other)),
    }
}

fn fix_and_retry(error: Error) -> Error {
    error
        .hint(run!["db", "migrate"].labeled("fix the cause, then retry"))
        .hint(run!["doctor"].labeled("check the server, the role and its privileges"))
}

fn changed_since(version: i64) -> Error {
    Error::conflict(format!(
        "migration {version} was applied with different contents than in this release"
    ))
    .hint(CHANGED_REMEDY)
}

/// Hint for [`MigrationState::Changed`].
pub const CHANGED_REMEDY: &str = "use the tenantctl release that this database was migrated with";

fn newest_known() -> i64 {
    MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

fn newer_than_binary(newest: i64) -> Error {
    Error::unavailable(format!(
        "the database schema (version {newest}) is newer than this tenantctl (version {})",
        newest_known()
    ))
    .hint("install the tenantctl release that migrated it")
}

/// A row of the migration history.
#[derive(sqlx::FromRow)]
struct Applied {
    version: i64,
    description: String,
    checksum: Vec<u8>,
}

/// Checks that the table exists first: a failed statement would abort the transaction of a
/// rehearsal.
async fn applied(connection: &mut PgConnection) -> Result<Vec<Applied>> {
    let has_history =
        sqlx::query_scalar!(r#"SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS "there!""#)
            .fetch_one(&mut *connection)
            .await?;
    if !has_history {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "SELECT version, description, checksum FROM _sqlx_migrations WHERE success ORDER BY version",
    )
    .fetch_all(&mut *connection)
    .await;
    match rows {
        Ok(rows) => Ok(rows),
        Err(error) => Err(explain_refusal(connection, error).await),
    }
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|database| database.code().as_deref() == Some("42P01"))
}

/// Reports whether the history belongs to another application, which may use a table of the same
/// name.
fn is_foreign_history(applied: &[Applied]) -> bool {
    let ours = |applied: &Applied| {
        MIGRATOR
            .iter()
            .any(|m| m.version == applied.version && m.description == applied.description)
    };
    !applied.iter().any(ours)
}

async fn foreign_tables(connection: &mut PgConnection) -> Result<Option<Foreign>> {
    let names: Vec<String> = OUR_TABLES.iter().map(|name| (*name).to_owned()).collect();
    let found = sqlx::query_scalar!(
        r#"SELECT c.relname::text AS "name!"
             FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relname = ANY ($1)
            ORDER BY c.relname"#,
        &names
    )
    .fetch_all(connection)
    .await?;
    Ok((!found.is_empty()).then_some(Foreign::Tables(found)))
}

/// Checks the privileges before a statement fails halfway through a file.
async fn require_rights(connection: &mut PgConnection) -> Result<()> {
    let rights = super::health::rights(connection).await?;
    let lacking = rights.lacking();
    if lacking.is_empty() {
        return Ok(());
    }
    let mut error = Error::refused(format!(
        "role {} lacks privileges that `db migrate` needs: {}",
        rights.role,
        lacking
            .iter()
            .map(|lack| lack.what.as_str())
            .collect::<Vec<_>>()
            .join("; ")
    ));
    for lack in lacking {
        error = error.hint(format!("as an administrator: {}", lack.remedy));
    }
    Err(error)
}
