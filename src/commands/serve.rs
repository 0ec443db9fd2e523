//! `tenantctl serve`

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use serde::Serialize;

use crate::{
    config::ServerSection,
    context::App,
    crypto::SealingKeys,
    db::{ConnectSettings, Pool, PoolSettings},
    domain::invitation,
    error::{Error, ErrorKind, Result},
    output::{Page, View},
    server::{self, Listening, Roles, Server, Settings},
    services::outbox,
};

/// In whose name the server changes things, where nothing else says so.
const ACTOR: &str = "tenantctl serve";

/// Run the HTTP server: the webhooks of the channels, the public API, and the work behind them.
///
/// It runs until SIGTERM or Ctrl-C, and then finishes what it took. When it listens it prints one
/// line (with -o json an object) on stdout; everything else is in the log on stderr. Its limits are
/// in the [server] section of the configuration. /healthz and /readyz are with the rest; /metrics is
/// at the address of --metrics-listen.
///
/// Requests are served as a role that owns nothing, where TENANTCTL_TENANT_URL or tenant_url in the
/// [server] section names one (see tenantctl db role). The URL of the owner then only makes
/// organizations of sign-ups, and a server without it leaves them to another.
///
/// Several servers may share the work: with --no-worker one only takes requests, with
/// --worker-only one only does the work behind them.
///
/// Examples:
///   tenantctl serve
///   tenantctl serve --listen 0.0.0.0:8080 --metrics-listen 127.0.0.1:9090
///   tenantctl serve --listen none --unix-socket /run/tenantctl/http.sock
///   tenantctl --profile production serve --worker-only
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ServeArgs {
    /// The address and port to listen on; port 0 takes a free one; `none`: on no address.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// A Unix socket to listen on as well.
    #[arg(long, value_name = "FILE")]
    unix_socket: Option<PathBuf>,

    /// An address and port of its own for the metrics.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,

    /// Take no requests: only do the work behind them.
    #[arg(long, conflicts_with_all = ["no_worker", "listen", "unix_socket"])]
    worker_only: bool,

    /// Only take requests: other servers do the work behind them.
    #[arg(long)]
    no_worker: bool,
}

impl ServeArgs {
    /// Runs the server to its end.
    ///
    /// # Errors
    /// As [`server::run`].
    pub async fn run(self, app: &App) -> Result<()> {
        app.require_operator("run the server")?;
        if app.global.dry_run {
            return Err(Error::usage("a server cannot be rehearsed")
                .hint("run it without --dry-run, on a database of its own"));
        }
        let roles = Roles {
            requests: !self.worker_only,
            work: !self.no_worker,
        };
        let section = self.section(&app.config()?.server);
        let settings = Settings::of(&section)?;
        if roles.requests && settings.listen.is_none() && settings.unix_socket.is_none() {
            return Err(Error::usage("the server would listen nowhere")
                .hint("name a socket: --unix-socket FILE, or leave --listen none out"));
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

    /// The configuration with what the flags say differently.
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

/// Without keys, webhooks and the sessions of the web chat are not served; the rest is.
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
                "no secret keys: webhooks and the sessions of the web chat are answered with 503"
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
        // Webhooks do not need it; what waits to be mailed is not lost.
        let hint = error.hints().iter().map(|hint| app.printer.complete(hint));
        let hint = hint.collect::<Vec<_>>().join("; ");
        tracing::warn!(%error, hint, "no mail is sent: messages wait in the outbox until then");
        return Ok(Vec::new());
    }
    let connections = config.mail.connections;
    let workers = (0..connections).map(|_| app.mail_worker());
    workers.filter_map(Result::transpose).collect()
}

/// The connections of a server.
struct Pools {
    /// Those that requests and workers have.
    pool: Pool,
    /// The owner's, for sign-ups; `None`: no owner is named.
    owner: Option<Pool>,
    /// Where the URL of `pool` was named, if it is not the owner's.
    named: Option<String>,
}

/// How many connections of the owner a server has whose requests have a role of their own: sign-ups
/// take turns.
const OWNERS_CONNECTIONS: u32 = 2;

/// Requests are served as a role of their own where one is configured. The owner, who may then be left
/// out, makes organizations of sign-ups.
fn pools(app: &App, section: &ServerSection) -> Result<Pools> {
    let target = app.target();
    let Some(tenant) = app.server_tenant_target(target.as_ref().ok())? else {
        let target = target?;
        tracing::info!("database: {}", target.describe());
        tracing::warn!(
            "requests are served with the rights of the tables' owner, by SET ROLE; stronger: a role \
             of their own, which `tenantctl db role server` creates"
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
            tracing::info!("no owner is named: sign-ups are stored, for a server that has one");
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
    // A request that was cut off leaves its statement behind, and the connection waits for it.
    let longest = Duration::from_secs(section.request_seconds.into());
    connect.statement_timeout.get_or_insert(longest);
    Pool::new(PoolSettings {
        connect,
        max_connections: most,
        wait: Duration::from_secs(section.database_wait_seconds.into()),
    })
}

/// What a script waits for.
#[derive(Serialize)]
struct ServingView {
    /// `null`: it listens on no address.
    url: Option<String>,
    unix_socket: Option<PathBuf>,
    /// Where the metrics are, if not with the rest.
    metrics_url: Option<String>,
    /// Whether it takes requests.
    requests: bool,
    /// Whether it does the work behind them.
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
