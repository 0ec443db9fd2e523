//! `tenantctl local`: the private local PostgreSQL.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    config::{DatabaseTarget, LOCAL_PROFILE},
    context::App,
    db::{Database, protection::Protection},
    error::{Error, ErrorKind, Result},
    hint::Hint,
    local::{LocalCluster, LocalState, LocalStatus, Started},
    output::{Assent, Page, View},
    run,
    services::protection,
};

/// Run a private PostgreSQL of your own: nothing to install, nothing to configure.
#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    Start(StartArgs),
    Stop(StopArgs),
    Status(StatusArgs),
    Url(UrlArgs),
    Destroy(DestroyArgs),
}

impl LocalCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// `Refused` with `--as`; otherwise what the verb could not do.
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

/// Start the private PostgreSQL; make it first where there is none, recover it after a crash.
///
/// It runs until `tenantctl local stop`, also when the terminal is closed. Where no server
/// programs are installed, a portable build is downloaded.
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

/// What fails without a hint of its own is as a rule a file that is another account's.
fn with_hint(error: Error, cluster: &LocalCluster) -> Error {
    if !error.hints().is_empty() {
        return error;
    }
    error
        .hint(format!(
            "everything below {} must belong to the account that runs tenantctl",
            cluster.data_dir().display()
        ))
        .hint("another folder: data_dir in the [local] section, or TENANTCTL_DATA_DIR")
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
            (true, _) => "runs already; nothing was changed",
            (false, true) => "was made and runs",
            (false, false) => "runs",
        };
        Some(format!("the local PostgreSQL {done}"))
    }

    fn next(&self) -> Vec<Hint> {
        vec![run!["--profile", LOCAL_PROFILE, "db", "migrate"]]
    }
}

/// Stop the private PostgreSQL. Its data stays.
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
    /// `false`: it did not run.
    stopped: bool,
}

impl View for StoppedView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        Some(match self.stopped {
            true => "the local PostgreSQL was stopped".to_owned(),
            false => "the local PostgreSQL did not run; nothing was changed".to_owned(),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match self.stopped {
            true => vec![run!["local", "start"].labeled("undo")],
            false => Vec::new(),
        }
    }
}

/// Show whether there is a private PostgreSQL, whether it runs, and where its files are.
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

/// Print the URL of the private PostgreSQL, for other programs.
///
/// Through the Unix socket, which its owner alone can reach and which needs no password; with
/// --tcp through the loopback address, with the password in a file that PGPASSFILE has to name:
/// stderr says which, and so does the field passfile in JSON.
///
/// Examples:
///   psql "$(tenantctl local url)"
///   DATABASE_URL=$(tenantctl local url) ./my-program
///   PGPASSFILE=FILE DATABASE_URL=$(tenantctl local url --tcp) ./my-program
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct UrlArgs {
    /// Through the loopback address rather than the Unix socket.
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
    /// The file with the password, in libpq's format.
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
            false => vec![run!["local", "start"].labeled("the local PostgreSQL does not run")],
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

/// Stop the private PostgreSQL and remove it, with all its data.
///
/// Asks for the word local to be typed. There is no way back. Where the database is protected, or
/// cannot be asked because the server is stopped, --yes is not enough.
///
/// Examples:
///   tenantctl local destroy
///   tenantctl local destroy --yes --if-exists
///   tenantctl local destroy --confirm local
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct DestroyArgs {
    /// Succeed where there is none.
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
    // Nothing is asked where there is nothing to lose.
    cluster.url()?;
    app.printer.note(format!(
        "about to remove the local PostgreSQL in {}",
        cluster.data_dir().display()
    ));
    let confirmed = app.printer.prompter().type_to_confirm(
        "every database in it will be gone, without a way back",
        LOCAL_PROFILE,
        &assent(app, cluster).await?,
    )?;
    cluster
        .destroy(confirmed)
        .await
        .map_err(|error| with_hint(error, cluster))?;
    // A cluster made later has none of these organizations.
    app.state()?.unset(LOCAL_PROFILE).map(drop)
}

/// As [`App::assent`], for a database that need not be the one the other flags name.
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

/// What protects the local database. One that cannot be asked counts as protected.
async fn protection(app: &App, cluster: &LocalCluster) -> Option<String> {
    match read_protection(app, cluster).await {
        Ok(found) => found.map(|found| format!("the database is protected ({})", found.label)),
        Err(error) => Some(format!(
            "the protection of the local PostgreSQL cannot be read ({error})"
        )),
    }
}

async fn read_protection(app: &App, cluster: &LocalCluster) -> Result<Option<Protection>> {
    if cluster.status()?.state != LocalState::Running {
        return Err(Error::unavailable("it is stopped"));
    }
    let settings = app.connect_settings(&DatabaseTarget::local(cluster.url()?.into())?)?;
    let db = Database::connect(&settings).await?;
    protection::find(&db).await
}

#[derive(Serialize)]
struct DestroyedView {
    /// `false`: there was none.
    destroyed: bool,
    data_dir: PathBuf,
}

impl View for DestroyedView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        let folder = self.data_dir.display();
        Some(match self.destroyed {
            true => format!("the local PostgreSQL in {folder} is gone"),
            false => format!("there is no local PostgreSQL in {folder}; nothing was changed"),
        })
    }
}
