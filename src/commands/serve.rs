//! `tenantctl serve`

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    config::ServerSection,
    crypto::SealingKeys,
    db::{ConnectSettings, Pool, PoolSettings},
    domain::invitation,
    error::{Error, ErrorKind, Result},
    output::{Page, View},
    server::{self, Listening, Roles, Server, Settings},
    services::outbox,
};

/// Default actor of changes made by the server.
const ACTOR: &str = "tenantctl serve";

/// Run the HTTP server: channel webhooks, the public API, and background workers.
///
/// The server runs until SIGTERM or Ctrl-C, then finishes the requests and jobs in progress. Once
/// it listens, it prints one line (with -o json, an object) to stdout; the log goes to stderr.
/// Limits are set in the [server] section of the configuration. /healthz and /readyz are on the
/// main listener, /metrics on the address of --metrics-listen.
///
/// If TENANTCTL_TENANT_URL or tenant_url in the [server] section is set, requests are served as
/// that role, which owns nothing (see tenantctl db role). The owner's URL is then only needed to
/// create organizations for sign-ups; a server without it leaves sign-ups to another server.
///
/// Several servers can share the work: use --no-worker to only serve requests and --worker-only to
/// only run background workers.
///
/// Examples:
///   tenantctl serve
///   tenantctl serve --listen 0.0.0.0:8080 --metrics-listen 127.0.0.1:9090
///   tenantctl serve --listen none --unix-socket /run/tenantctl/http.sock
///   tenantctl --profile production serve --worker-only
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ServeArgs {
    /// Address and port to listen on. Port 0 picks a free port; `none` disables the listener.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// Unix socket to listen on, in addition to the address.
    #[arg(long, value_name = "FILE")]
    unix_socket: Option<PathBuf>,

    /// Separate address and port for metrics.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,

    /// Only run background workers; serve no requests.
    #[arg(long, conflicts_with_all = ["no_worker", "listen", "unix_socket"])]
    worker_only: bool,

    /// Only serve requests; leave background work to other servers.
    #[arg(long)]
    no_worker: bool,
}

impl ServeArgs {
    /// Runs the server until it is stopped.
    pub async fn run(self, app: &App) -> Result<()> {
        app.require_operator("run the server")?;
        if app.global.dry_run {
            return Err(Error::usage("--dry-run is not supported for serve")
                .hint("run it without --dry-run, on a separate database"));
        }
        let roles = Roles {
            requests: !self.worker_only,
            work: !self.no_worker,
        };
        let section = self.section(&app.config()?.server);
        let settings = Settings::of(&section)?;
        if roles.requests && settings.listen.is_none() && settings.unix_socket.is_none() {
            return Err(Error::usage("no listener is configured")
                .hint("use --unix-socket FILE, or omit --listen none"));
        }
        let Pools { pool, owner, named } = pools(app, &section)?;
        let server = Server {
            settings,
            roles,
            pool,
            owner,
            tenant_url: named,
            clock: app.clock,
            actor: app.service_actor(ACTOR)?,
            keys: keys(app),
            sign_up_secrets: app.sign_up_secrets()?,
            mail_workers: mail_workers(app)?,
        };
        server::run(server, |listening| {
            app.handle_signals();
            app.printer.view(&ServingView::new(listening, roles))
        })
        .await
    }

    /// The configuration with the values of the flags applied.
    fn section(&self, configured: &ServerSection) -> ServerSection {
        let mut section = configured.clone();
        if let Some(listen) = &self.listen {
            section.listen.clone_from(listen);
        }
        if self.unix_socket.is_some() {
            section.unix_socket.clone_from(&self.unix_socket);
        }
        if self.metrics_listen.is_some() {
            section.metrics_listen.clone_from(&self.metrics_listen);
        }
        section
    }
}

/// The secret keys. Without them, webhooks and web chat sessions are not served; the rest is.
fn keys(app: &App) -> Option<Arc<SealingKeys>> {
    match app.sealing_keys() {
        Ok(keys) => Some(Arc::new(keys)),
        Err(error) => {
            let cause = error.causes().join(": ");
            let hint = error.hints().iter().map(|hint| app.printer.complete(hint));
            let hint = hint.collect::<Vec<_>>().join("; ");
            tracing::warn!(
                %error,
                cause,
                hint,
                "no secret keys: webhooks and web chat sessions are answered with 503"
            );
            None
        }
    }
}

fn mail_workers(app: &App) -> Result<Vec<outbox::Worker>> {
    let config = app.config()?;
    if app.mails()?
        && let Err(error) = invitation::require_address(&config.invitations.link_template)
    {
        // Webhooks do not need the link template, and waiting messages are not lost.
        let hint = error.hints().iter().map(|hint| app.printer.complete(hint));
        let hint = hint.collect::<Vec<_>>().join("; ");
        tracing::warn!(%error, hint, "no mail is sent; messages wait in the outbox");
        return Ok(Vec::new());
    }
    let connections = config.mail.connections;
    let workers = (0..connections).map(|_| app.mail_worker());
    workers.filter_map(Result::transpose).collect()
}

/// The connection pools of a server.
struct Pools {
    /// The pool of requests and workers.
    pool: Pool,
    /// The owner's pool, for sign-ups; `None` without an owner's URL.
    owner: Option<Pool>,
    /// The source of the URL of `pool`, if it is not the owner's.
    named: Option<String>,
}

/// Number of owner connections of a server that serves requests as a separate role. Sign-ups
/// share them.
const OWNERS_CONNECTIONS: u32 = 2;

/// Creates the pools. If a separate role is configured, requests are served as that role, and the
/// owner, then optional, only creates organizations for sign-ups.
fn pools(app: &App, section: &ServerSection) -> Result<Pools> {
    let target = app.target();
    let Some(tenant) = app.server_tenant_target(target.as_ref().ok())? else {
        let target = target?;
        tracing::info!("database: {}", target.describe());
        tracing::warn!(
            "requests are served as the owner of the tables, restricted by SET ROLE; a separate role \
             is safer: create one with `tenantctl db role server`"
        );
        let connect = app.connect_settings(&target)?;
        let pool = pool(connect, section, section.database_connections)?;
        return Ok(Pools {
            owner: Some(pool.clone()),
            pool,
            named: None,
        });
    };
    tracing::info!("database: {}", tenant.describe());
    let owner = match target {
        Ok(target) => {
            tracing::info!("owner of the database: {}", target.describe());
            let connect = app.connect_settings(&target)?;
            Some(pool(connect, section, OWNERS_CONNECTIONS)?)
        }
        Err(error) if error.kind() == ErrorKind::Unavailable => {
            tracing::info!("no owner URL: sign-ups are stored for a server that has one");
            None
        }
        Err(error) => return Err(error),
    };
    let connect = app.tenant_settings(&tenant)?;
    Ok(Pools {
        pool: pool(connect, section, section.database_connections)?,
        owner,
        named: Some(tenant.source.to_string()),
    })
}

fn pool(connect: ConnectSettings, section: &ServerSection, most: u32) -> Result<Pool> {
    let mut connect = connect;
    // The statement of an aborted request keeps running, and its connection waits for it.
    let longest = Duration::from_secs(section.request_seconds.into());
    connect.statement_timeout.get_or_insert(longest);
    Pool::new(PoolSettings {
        connect,
        max_connections: most,
        wait: Duration::from_secs(section.database_wait_seconds.into()),
    })
}

/// The output that scripts wait for.
#[derive(Serialize)]
struct ServingView {
    /// `null` if the server listens on no address.
    url: Option<String>,
    unix_socket: Option<PathBuf>,
    /// URL of the metrics, if they have a separate listener.
    metrics_url: Option<String>,
    /// `true` if the server serves requests.
    requests: bool,
    /// `true` if the server runs background workers.
    work: bool,
}

impl ServingView {
    fn new(listening: &Listening, roles: Roles) -> Self {
        let url = |address: SocketAddr| format!("http://{address}");
        Self {
            url: listening.address.map(url),
            unix_socket: listening.unix_socket.clone(),
            metrics_url: listening
                .metrics_address
                .map(|address| format!("{}/metrics", url(address))),
            requests: roles.requests,
            work: roles.work,
        }
    }
}

impl View for ServingView {
    fn human(&self, page: &mut Page) {
        if let Some(url) = &self.url {
            page.line(format!("listening on {url}"));
        }
        if let Some(socket) = &self.unix_socket {
            page.line(format!("listening on {}", socket.display()));
        }
        if let Some(url) = &self.metrics_url {
            page.line(format!("metrics at {url}"));
        }
        if !self.requests {
            page.line("working");
        }
    }
}
