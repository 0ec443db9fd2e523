//! `tenantctl demo`: the whole of it, on a private PostgreSQL.

mod attack;
mod practice;
mod scenario;
mod view;
mod webhooks;

use clap::Args;

use crate::{
    config::{DatabaseTarget, TenantTarget},
    context::{App, new_id},
    db::{self, ConnectSettings, Database, roles::Rights},
    domain::{Actor, channel::identity::ClaimPolicy},
    error::{Error, ErrorKind, Result},
    hint::Hint,
    run,
    services::{Session, roles},
};

/// Play the whole scenario on a private PostgreSQL, and prove that no tenant sees another.
///
/// Makes the private cluster where there is none (see `tenantctl local`), migrates it, creates
/// two organizations with an owner each, has one invitation accepted by a sign-up, configures
/// their channels differently, and then tries every table × operation × context as the
/// application's role. Nothing outside that cluster is touched. It can be run again: what was
/// suspended, deleted or taken from the owners meanwhile is brought back.
///
/// Examples:
///   tenantctl demo
///   tenantctl demo -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DemoArgs {}

impl DemoArgs {
    /// Plays it.
    ///
    /// # Errors
    /// `Unavailable` when no PostgreSQL can be had, `Finding` when a cell of the matrix leaks.
    pub async fn run(self, app: &App) -> Result<()> {
        app.require_operator("play the demo")?;
        refuse_other_databases(app)?;
        let settings = start(app).await?;
        let session = migrated(app, &settings).await?;
        let session = as_tenant(app, session).await?;
        let played = scenario::play(app, &session).await?;
        // A transaction that was dropped is rolled back with the next statement or the
        // connection's end: what it has locked could not be attacked.
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
                Hint::from("the statements that got through are in `")
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
        return Err(Error::usage(
            "the demo plays on its own private PostgreSQL and on no other database",
        )
        .hint("run it without --database-url and --profile"));
    }
    Ok(())
}

/// The private cluster, running.
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

/// The same session, whose tenants' data is reached as the role that has a tenant's rights only.
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

/// Its database, with the schema as it is now.
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
