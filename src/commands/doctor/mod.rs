//! `tenantctl doctor`

mod configuration;
mod mail;
mod report;
mod schema;
mod server;
mod serving;
mod webhooks;

use clap::Args;

use self::report::{Area, Check, Report};
use super::db::SchemaState;
use crate::{
    app::App,
    config::{DatabaseSource, DatabaseTarget, LOCAL_PROFILE},
    db::{Database, health, migrate},
    error::Result,
    services::{claims, webhooks::quarantine},
};

/// Check configuration, connection and schema, and suggest fixes.
///
/// Checks the configuration, modes of files with secrets, mail server, connection, server version,
/// clock, privileges of the connecting role, migrations, and row-level security. Changes nothing
/// and sends no mail. Exits with code 0 if no check failed (warnings are ignored), 7 if a database
/// check failed, and 1 if only other checks failed.
///
/// Examples:
///   tenantctl doctor
///   tenantctl --profile staging doctor -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DoctorArgs {}

impl DoctorArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// `Unavailable` or `Failure` if a check failed, after the report.
    pub async fn run(self, app: &App) -> Result<()> {
        app.require_operator("examine the database")?;
        let mut checks = vec![configuration::file(app)];
        checks.extend(configuration::secret_files(app));
        checks.extend([configuration::invitation_link(app), mail::server(app).await]);
        if app.config().is_ok() {
            checks.extend(mail::keys(app));
        }
        let (named, target) = configuration::database_named(app);
        let is_local = match &target {
            Ok(target) => target.source == DatabaseSource::Local,
            Err(_) => app.global.profile.as_deref() == Some(LOCAL_PROFILE),
        };
        checks.push(named);
        if is_local {
            checks.push(configuration::local_cluster(app));
        }
        match target {
            Ok(target) => checks.extend(connection(app, &target).await),
            Err(_) => checks.push(unreached("no database is configured")),
        }
        let report = Report::new(checks, &app.printer);
        app.printer.view(&report)?;
        report.verdict()
    }
}

fn unreached(why: &str) -> Check {
    Check::skipped("connection", Area::Database, why)
}

/// Checks the connection, and everything that requires one.
async fn connection(app: &App, target: &DatabaseTarget) -> Vec<Check> {
    const NAME: &str = "connection";
    let db = match app.database_as_is().await {
        Ok(db) => db,
        Err(error) => {
            return vec![
                Check::broken(NAME, Area::Database, &error),
                Check::skipped("server", Area::Database, "the database is unreachable"),
                Check::skipped("schema", Area::Database, "the database is unreachable"),
            ];
        }
    };
    let mut checks = vec![Check::ok(NAME, Area::Database, "the server is reachable")];
    match examine(app, db, target).await {
        Ok(more) => checks.extend(more),
        Err(error) => checks.push(Check::broken("server", Area::Database, &error)),
    }
    checks
}

async fn examine(app: &App, db: &Database, target: &DatabaseTarget) -> Result<Vec<Check>> {
    let before = app.clock.now();
    let health = health::examine(db).await?;
    let asked = before + (app.clock.now() - before) / 2;
    let status = migrate::status(db).await?;
    let migrated = SchemaState::of(&status) == SchemaState::Current;
    let mut checks = vec![
        server::version(&health),
        server::writable(&health),
        server::pooler(db),
        server::encryption(&health, &target.url, db.is_pooled()),
        server::clock(&health, asked),
        server::role_flags(&health.rights),
        server::rights(&health.rights, migrated),
        schema::migrations(&status),
        schema::ownership(&health),
        schema::tenant_role(&health),
        schema::protection(db).await,
    ];
    if migrated {
        checks.push(schema::tenant_scope(db, &health).await);
        checks.push(schema::row_level_security(&health));
        checks.push(schema::unique_names(db).await);
        checks.push(schema::temporary_tables(&health));
        checks.push(serving::role(app, db, target).await);
        checks.push(webhooks::claims(claims::waiting(db).await));
        checks.push(webhooks::quarantine(quarantine::waiting(db).await));
    } else {
        for name in [
            "tenant_scope",
            "row_level_security",
            "unique_names",
            "temporary_tables",
            "serving_role",
            webhooks::CLAIMS,
            webhooks::QUARANTINE,
        ] {
            let why = "the database is not up to date";
            checks.push(Check::skipped(name, Area::Database, why));
        }
    }
    Ok(checks)
}
