//! A cluster for tests, which disappears together with the process that made it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::account::Account;
use super::cluster::{LocalCluster, LocalOptions};
use crate::error::{Context, Result};

/// Where such clusters are made: short enough for a socket, and reachable for every account.
const FOLDER: &str = "/tmp";

/// Waits for the end of its input, which comes when the process at the other end of the pipe
/// ends, however it ends; then stops the server in the folder `$1` at once and removes the folder.
///
/// Where `/proc` can tell, a process that was given the number of a dead server is spared. The
/// removal is repeated because an `initdb` may still be writing.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
folder=$1
file=$folder/data/postmaster.pid
if read -r pid 2>/dev/null <"$file" && [ "$pid" -gt 1 ] 2>/dev/null &&
    { [ ! -d /proc/self ] || [ "$(readlink "/proc/$pid/cwd")" = "$folder/data" ]; }; then
    kill -QUIT "$pid" 2>/dev/null
    tries=0
    while [ -e "$file" ] && kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 200 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
fi
tries=0
while [ -e "$folder" ] && [ "$tries" -lt 50 ]; do
    rm -rf "$folder" 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
done
"#;

/// What [`EphemeralCluster::start_with`] can be told.
#[derive(Clone, Debug, Default)]
pub struct EphemeralOptions {
    /// The folder of `initdb`, `pg_ctl` and `postgres`; nothing else is looked at when given.
    pub bindir: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
    /// Where downloaded server programs are kept; when not given, they vanish with the cluster.
    pub downloads: Option<PathBuf>,
    /// Names and values of further settings of the server.
    pub settings: Vec<(String, String)>,
}

/// A cluster in a temporary folder, with 300 connections and no durability, reachable through its
/// Unix socket only. Server and folder are gone once this value is dropped or the process ends,
/// also by SIGKILL.
#[derive(Debug)]
pub struct EphemeralCluster {
    cluster: LocalCluster,
    bindir: PathBuf,
    data_dir: PathBuf,
    _watchdog: Watchdog,
}

impl EphemeralCluster {
    /// A running cluster, with the programs found in the usual folders.
    pub async fn start() -> Result<Self> {
        Self::start_with(EphemeralOptions::default()).await
    }

    /// A running cluster, with programs found as `options` say.
    pub async fn start_with(options: EphemeralOptions) -> Result<Self> {
        let folder = make_folder()?;
        let watchdog = Watchdog::watch(&folder)?;
        let downloads = options.downloads.unwrap_or_else(|| folder.join("binaries"));
        let settings = options.settings;
        let data_dir = folder.join("data");
        let local = |bindir| {
            let options = LocalOptions {
                data_dir: folder.clone(),
                bindir,
                path: options.path.clone(),
                durable: false,
            };
            LocalCluster::for_tests(options, downloads.clone(), settings.clone())
        };
        let silent = |_: &str| ();
        let account = Account::for_server(&data_dir)?;
        let bindir = local(options.bindir.clone())
            .binaries(&account, &silent)
            .await?
            .folder;
        let cluster = local(Some(bindir.clone()));
        cluster.start(&silent).await?;
        Ok(Self {
            cluster,
            bindir,
            data_dir,
            _watchdog: watchdog,
        })
    }

    /// How the superuser reaches `database`. Stays the same when the server is restarted.
    pub fn admin_url(&self, database: &str) -> String {
        self.cluster.fixed_admin_url(database)
    }

    /// The folder of the server programs.
    pub fn bindir(&self) -> &Path {
        &self.bindir
    }

    /// PostgreSQL's data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Stops the server in order; open sessions are ended.
    pub async fn stop(&self) -> Result<bool> {
        self.cluster.stop().await
    }

    /// Stops the server as a crash would: sessions break off, and the next start recovers.
    pub async fn crash(&self) -> Result<bool> {
        self.cluster.stop_immediately().await
    }

    /// Starts the server again after [`Self::stop`] or [`Self::crash`].
    pub async fn restart(&self) -> Result<()> {
        self.cluster.start(&|_| ()).await.map(drop)
    }
}

/// A new folder which the server's account can enter.
fn make_folder() -> Result<PathBuf> {
    let doing = format!("cannot make a temporary folder in {FOLDER}");
    let folder = fs::canonicalize(FOLDER).context(&doing)?;
    let account = Account::for_server(Path::new(FOLDER))?;
    let mode = if account.differs_from_caller() {
        0o711
    } else {
        0o700
    };
    let folder = tempfile::Builder::new()
        .prefix("tenantctl-")
        .tempdir_in(folder)
        .context(&doing)?;
    // After the fact, because the umask may take away what is given at creation.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).context(doing)?;
    Ok(folder.keep())
}

/// The process that cleans up after us. Our end of its input is never written to.
#[derive(Debug)]
struct Watchdog(Child);

impl Watchdog {
    fn watch(folder: &Path) -> Result<Self> {
        Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "tenantctl-watchdog"])
            .arg(folder)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            .stdin(Stdio::piped())
            // Whoever waits for the end of our output must not wait for this process too.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal goes to the whole group of the foreground.
            .process_group(0)
            .spawn()
            .map(Self)
            .context("cannot run /bin/sh")
    }
}

impl Drop for Watchdog {
    /// Closes the pipe and waits until everything is gone.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
