//! `tenantctl local`: a private local PostgreSQL.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    app::App,
    config::{DatabaseTarget, LOCAL_PROFILE},
    db::{Database, protection::Protection},
    error::{Error, ErrorKind, Result},
    hint::Hint,
    local::{LocalCluster, LocalState, LocalStatus, Started},
    output::{Assent, Page, View},
    run,
    services::protection,
};

/// Manage a private local PostgreSQL server. No installation or configuration needed.
#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    Start(StartArgs),
    Stop(StopArgs),
    Status(StatusArgs),
    Url(UrlArgs),
    Destroy(DestroyArgs),
}

impl LocalCommand {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// `Refused` with `--as`.
    pub async fn run(self, app: &App) -> Result<()> {
        app.require_operator("manage the local PostgreSQL")?;
        match self {
            Self::Start(args) => app.show(args.run(app).await?).await,
            Self::Stop(args) => app.show(args.run(app).await?).await,
            Self::Status(args) => app.show(args.run(app)?).await,
            Self::Url(args) => app.show(args.run(app)?).await,
            Self::Destroy(args) => app.show(args.run(app).await?).await,
        }
    }
}

/// Start the private PostgreSQL server, creating it if needed.
///
/// The server recovers after a crash and runs until `tenantctl local stop`, even after the terminal
/// is closed. If PostgreSQL is not installed, a portable build is downloaded.
///
/// Examples:
///   tenantctl local start
///   tenantctl --profile local db migrate
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct StartArgs {}

impl StartArgs {
    async fn run(self, app: &App) -> Result<StartedView> {
        app.refuse_dry_run("local start")?;
        let cluster = app.local_cluster()?;
        let progress = app.printer.spinner("starting the local PostgreSQL");
        let started = cluster
            .start(&|doing| progress.set_message(doing))
            .await
            .map_err(|error| with_hint(error, &cluster))?;
        progress.finish();
        Ok(StartedView {
            data_dir: cluster.data_dir().to_owned(),
            started,
        })
    }
}

/// Adds a hint to an error without one, which is usually caused by a file owned by another account.
fn with_hint(error: Error, cluster: &LocalCluster) -> Error {
    if !error.hints().is_empty() {
        return error;
    }
    error
        .hint(format!(
            "make sure that everything below {} belongs to the account that runs tenantctl",
            cluster.data_dir().display()
        ))
        .hint("to use another folder, set data_dir in the [local] section or TENANTCTL_DATA_DIR")
}

#[derive(Serialize)]
struct StartedView {
    #[serde(flatten)]
    started: Started,
    data_dir: PathBuf,
}

impl View for StartedView {
    fn human(&self, page: &mut Page) {
        page.field("PostgreSQL", &self.started.version)
            .field("Folder", self.data_dir.to_string_lossy())
            .field("URL", &self.started.url);
    }

    fn summary(&self) -> Option<String> {
        let Started {
            already_running,
            created,
            ..
        } = self.started;
        let done = match (already_running, created) {
            (true, _) => "is already running",
            (false, true) => "was created and started",
            (false, false) => "was started",
        };
        Some(format!("the local PostgreSQL {done}"))
    }

    fn next(&self) -> Vec<Hint> {
        vec![run!["--profile", LOCAL_PROFILE, "db", "migrate"]]
    }
}

/// Stop the private PostgreSQL server. The data is kept.
///
/// Examples:
///   tenantctl local stop
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct StopArgs {}

impl StopArgs {
    async fn run(self, app: &App) -> Result<StoppedView> {
        app.refuse_dry_run("local stop")?;
        let cluster = app.local_cluster()?;
        let stopped = cluster.stop().await;
        let stopped = stopped.map_err(|error| with_hint(error, &cluster))?;
        Ok(StoppedView { stopped })
    }
}

#[derive(Serialize)]
struct StoppedView {
    /// `false` if it was not running.
    stopped: bool,
}

impl View for StoppedView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        Some(match self.stopped {
            true => "the local PostgreSQL was stopped".to_owned(),
            false => "the local PostgreSQL is not running; nothing was changed".to_owned(),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match self.stopped {
            true => vec![run!["local", "start"].labeled("undo")],
            false => Vec::new(),
        }
    }
}

/// Show the state of the private PostgreSQL server and the location of its files.
///
/// Examples:
///   tenantctl local status
///   tenantctl local status -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct StatusArgs {}

impl StatusArgs {
    fn run(self, app: &App) -> Result<StatusView> {
        Ok(StatusView(app.local_cluster()?.status()?))
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct StatusView(LocalStatus);

impl View for StatusView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        let status = &self.0;
        page.field(
            "State",
            match status.state {
                LocalState::NotCreated => style.dim("not created"),
                LocalState::Stopped => style.warn("stopped"),
                LocalState::Running => style.ok("running"),
                LocalState::Crashed => style.bad("crashed"),
            },
        )
        .optional_field(
            "Major version",
            status.major_version.map(|it| it.to_string()),
        )
        .optional_field("Process", status.pid.map(|pid| pid.to_string()))
        .optional_field("Port", status.port.map(|port| port.to_string()))
        .optional_field("URL", status.url.as_ref())
        .field("Folder", status.data_dir.to_string_lossy());
        if status.state != LocalState::NotCreated {
            page.field("Log", status.log_file.to_string_lossy());
        }
    }

    fn next(&self) -> Vec<Hint> {
        let next = match self.0.state {
            LocalState::Running => run!["local", "stop"],
            LocalState::NotCreated | LocalState::Stopped | LocalState::Crashed => {
                run!["local", "start"]
            }
        };
        vec![next.to_owned()]
    }
}

/// Print the URL of the private PostgreSQL server, for use by other programs.
///
/// The URL uses the Unix socket, which only its owner can access and which needs no password. With
/// --tcp it uses the loopback address; set PGPASSFILE to the password file, which is printed to
/// stderr and is the field passfile in JSON.
///
/// Examples:
///   psql "$(tenantctl local url)"
///   DATABASE_URL=$(tenantctl local url) ./my-program
///   PGPASSFILE=FILE DATABASE_URL=$(tenantctl local url --tcp) ./my-program
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UrlArgs {
    /// Use the loopback address instead of the Unix socket.
    #[arg(long)]
    tcp: bool,
}

impl UrlArgs {
    fn run(self, app: &App) -> Result<UrlView> {
        let cluster = app.local_cluster()?;
        let running = cluster.status()?.state == LocalState::Running;
        Ok(if self.tcp {
            UrlView {
                url: cluster.tcp_url()?,
                passfile: Some(cluster.pgpass()),
                running,
            }
        } else {
            UrlView {
                url: cluster.url()?,
                passfile: None,
                running,
            }
        })
    }
}

#[derive(Serialize)]
struct UrlView {
    url: String,
    /// The password file, in libpq's format.
    passfile: Option<PathBuf>,
    running: bool,
}

impl View for UrlView {
    fn human(&self, page: &mut Page) {
        page.line(&self.url);
    }

    fn warnings(&self) -> Vec<Hint> {
        match self.running {
            true => Vec::new(),
            false => vec![
                run!["local", "start"].labeled("the local PostgreSQL is not running; start it"),
            ],
        }
    }

    fn next(&self) -> Vec<Hint> {
        let passfile = self.passfile.iter();
        let command = passfile.map(|file| {
            let file = file.to_string_lossy();
            let (file, url) = (shell_words::quote(&file), shell_words::quote(&self.url));
            Hint::from(format!("PGPASSFILE={file} psql {url}"))
        });
        command.collect()
    }
}

/// Stop the private PostgreSQL server and delete it permanently, with all its data.
///
/// Prompts you to type the word local. If the database is protected, or its protection cannot be
/// read because the server is stopped, --yes is not enough; use --confirm.
///
/// Examples:
///   tenantctl local destroy
///   tenantctl local destroy --yes --if-exists
///   tenantctl local destroy --confirm local
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DestroyArgs {
    /// Succeed even if the private server does not exist.
    #[arg(long)]
    if_exists: bool,
}

impl DestroyArgs {
    async fn run(self, app: &App) -> Result<DestroyedView> {
        app.refuse_dry_run("local destroy")?;
        let cluster = app.local_cluster()?;
        let data_dir = cluster.data_dir().to_owned();
        let destroyed = match destroy(app, &cluster).await {
            Err(error) if error.kind() == ErrorKind::NotFound && self.if_exists => false,
            outcome => outcome.map(|()| true)?,
        };
        Ok(DestroyedView {
            destroyed,
            data_dir,
        })
    }
}

async fn destroy(app: &App, cluster: &LocalCluster) -> Result<()> {
    // Without a cluster, no prompt is needed.
    cluster.url()?;
    app.printer.note(format!(
        "about to remove the local PostgreSQL in {}",
        cluster.data_dir().display()
    ));
    let confirmed = app.printer.prompter().type_to_confirm(
        "every database in it will be permanently deleted",
        LOCAL_PROFILE,
        &assent(app, cluster).await?,
    )?;
    cluster
        .destroy(confirmed)
        .await
        .map_err(|error| with_hint(error, cluster))?;
    // A cluster created later has none of these organizations.
    app.state()?.unset(LOCAL_PROFILE).map(drop)
}

/// Like [`App::assent`], for a database that may differ from the one selected by the other flags.
async fn assent(app: &App, cluster: &LocalCluster) -> Result<Assent> {
    let profile = app.config()?.profiles.get(LOCAL_PROFILE);
    let is_protected = profile.is_some_and(|profile| profile.protected);
    let protected = match is_protected {
        true => Some(format!("the profile {LOCAL_PROFILE} is protected")),
        false => protection(app, cluster).await,
    };
    Ok(Assent {
        yes: app.global.yes,
        confirm: app.global.confirm.clone(),
        protected,
        place: None,
    })
}

/// The protection of the local database. A database that cannot be queried is treated as protected.
async fn protection(app: &App, cluster: &LocalCluster) -> Option<String> {
    match read_protection(app, cluster).await {
        Ok(found) => found.map(|found| format!("the database is protected ({})", found.label)),
        Err(error) => Some(format!(
            "could not read the protection of the local PostgreSQL ({error})"
        )),
    }
}

async fn read_protection(app: &App, cluster: &LocalCluster) -> Result<Option<Protection>> {
    if cluster.status()?.state != LocalState::Running {
        return Err(Error::unavailable("the server is stopped"));
    }
    let settings = app.connect_settings(&DatabaseTarget::local(cluster.url()?.into())?)?;
    let db = Database::connect(&settings).await?;
    protection::find(&db).await
}

#[derive(Serialize)]
struct DestroyedView {
    /// `false` if the server did not exist.
    destroyed: bool,
    data_dir: PathBuf,
}

impl View for DestroyedView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        let folder = self.data_dir.display();
        Some(match self.destroyed {
            true => format!("deleted the local PostgreSQL in {folder}"),
            false => format!("no local PostgreSQL in {folder}; nothing was changed"),
        })
    }
}
