//! `tenantctl demo`: a complete scenario on a private PostgreSQL server.

mod attack;
mod practice;
mod scenario;
mod view;
mod webhooks;

use clap::Args;

use crate::{
    app::App,
    config::{DatabaseTarget, TenantTarget},
    db::{self, ConnectSettings, Database, roles::Rights},
    domain::{Actor, channel::identity::ClaimPolicy},
    error::{Error, ErrorKind, Result},
    hint::Hint,
    run,
    services::{Session, roles},
    system::new_id,
};

/// Play a complete scenario on a private PostgreSQL server, and verify that tenants are isolated.
///
/// Creates the private cluster if it does not exist (see `tenantctl local`), migrates it, creates
/// two organizations with an owner each, has one invitation accepted by a sign-up, configures their
/// channels differently, and then tries every table × operation × context as the application's
/// role. Nothing outside of that cluster is changed. The demo can be repeated: organizations that
/// were suspended or deleted and owners that were changed in the meantime are restored.
///
/// Examples:
///   tenantctl demo
///   tenantctl demo -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DemoArgs {}

impl DemoArgs {
    /// Plays the scenario.
    ///
    /// # Errors
    /// `Unavailable` if PostgreSQL cannot be started; `Finding` if a cell of the matrix leaks.
    pub async fn run(self, app: &App) -> Result<()> {
        app.require_operator("play the demo")?;
        refuse_other_databases(app)?;
        let settings = start(app).await?;
        let session = migrated(app, &settings).await?;
        let session = as_tenant(app, session).await?;
        let played = scenario::play(app, &session).await?;
        // Dropping a transaction defers its rollback to the next statement or the end of the
        // connection. Until then, the rows that it has locked could not be attacked.
        drop(session);
        let matrix = attack::attack(&settings, &played).await?;
        let leaks = matrix.leaks();
        let view = view::DemoView::new(app, &played, &matrix);
        app.printer.view(&view)?;
        if leaks > 0 {
            return Err(Error::new(
                ErrorKind::Finding,
                format!("{leaks} cells of the matrix leak"),
            )
            .hint(
                Hint::from("list the statements that succeeded with `")
                    .then(run!["demo", "-o", "json"])
                    .then("`"),
            ));
        }
        Ok(())
    }
}

fn refuse_other_databases(app: &App) -> Result<()> {
    app.refuse_dry_run("demo")?;
    if app.global.database_url.is_some() || app.global.profile.is_some() {
        return Err(
            Error::usage("the demo runs only on its own private PostgreSQL server")
                .hint("run the command without --database-url and --profile"),
        );
    }
    Ok(())
}

/// Starts the private cluster.
async fn start(app: &App) -> Result<ConnectSettings> {
    let cluster = app.local_cluster()?;
    let progress = app.printer.spinner("starting a private PostgreSQL");
    let started = cluster.start(&|step| progress.set_message(step)).await?;
    progress.finish();
    app.printer.done(&format!(
        "private PostgreSQL {} in {}",
        started.version,
        cluster.data_dir().display()
    ));
    app.connect_settings(&DatabaseTarget::local(started.url.into())?)
}

/// Returns the same session with tenants' data accessed by a role that has only a tenant's
/// privileges.
async fn as_tenant(app: &App, session: Session) -> Result<Session> {
    roles::create_missing(&session).await?;
    let role = Rights::Tenant.default_name();
    let url = app.local_cluster()?.url_as(role)?;
    let target = TenantTarget::local(url.into())?;
    let settings = app.tenant_settings(&target)?;
    let tenant = Database::connect(&settings).await?;
    Ok(Session {
        db: session.db.with_tenant(tenant),
        ..session
    })
}

/// Returns a session on its database, after migration.
async fn migrated(app: &App, settings: &ConnectSettings) -> Result<Session> {
    let db = Database::connect(settings).await?;
    let applied = db::migrate::run(&db).await?;
    app.printer.done(&match applied.len() {
        0 => "schema is current".to_owned(),
        count => format!("schema migrated: {count} migrations"),
    });
    Ok(Session {
        db,
        actor: Actor::Operator {
            name: "demo".to_owned(),
        },
        clock: app.clock,
        request_id: new_id(),
        mail: None,
        claims: ClaimPolicy::default(),
    })
}
