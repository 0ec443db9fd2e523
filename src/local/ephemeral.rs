//! A cluster for tests, which is removed when the process that created it ends.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::account::Account;
use super::cluster::{LocalCluster, LocalOptions};
use crate::error::{Context, Result};

/// The parent folder of such clusters: short enough for a socket, and accessible to every account.
const FOLDER: &str = "/tmp";

/// Waits for the end of its input, which comes when the process at the other end of the pipe ends,
/// for whatever reason; then stops the server in the folder `$1` at once and removes the folder.
///
/// Checks `/proc`, if available, to spare a process that has reused the id of a dead server. The
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

/// Options of [`EphemeralCluster::start_with`].
#[derive(Clone, Debug, Default)]
pub struct EphemeralOptions {
    /// Folder of `initdb`, `pg_ctl` and `postgres`; if set, no other is searched.
    pub bindir: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
    /// Folder of the downloaded server programs; if not set, they are removed with the cluster.
    pub downloads: Option<PathBuf>,
    /// Names and values of additional server settings.
    pub settings: Vec<(String, String)>,
}

/// A cluster in a temporary folder, with 300 connections and no durability, reachable only through
/// its Unix socket. Server and folder are removed when this value is dropped or the process ends,
/// even by SIGKILL.
#[derive(Debug)]
pub struct EphemeralCluster {
    cluster: LocalCluster,
    bindir: PathBuf,
    data_dir: PathBuf,
    _watchdog: Watchdog,
}

impl EphemeralCluster {
    /// Starts a cluster, with the programs found in the usual folders.
    pub async fn start() -> Result<Self> {
        Self::start_with(EphemeralOptions::default()).await
    }

    /// Starts a cluster, with the programs found as `options` specify.
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

    /// Returns the superuser's URL of `database`. Unchanged by a restart of the server.
    pub fn admin_url(&self, database: &str) -> String {
        self.cluster.fixed_admin_url(database)
    }

    /// Returns the folder of the server programs.
    pub fn bindir(&self) -> &Path {
        &self.bindir
    }

    /// Returns PostgreSQL's data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Shuts the server down cleanly; open sessions are ended.
    pub async fn stop(&self) -> Result<bool> {
        self.cluster.stop().await
    }

    /// Stops the server as a crash would: sessions are cut off, and the next start recovers.
    pub async fn crash(&self) -> Result<bool> {
        self.cluster.stop_immediately().await
    }

    /// Starts the server again after [`Self::stop`] or [`Self::crash`].
    pub async fn restart(&self) -> Result<()> {
        self.cluster.start(&|_| ()).await.map(drop)
    }
}

/// Creates a folder that the server's account can enter.
fn make_folder() -> Result<PathBuf> {
    let doing = format!("cannot create a temporary folder in {FOLDER}");
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
    // Set afterwards, because the umask may remove bits at creation.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).context(doing)?;
    Ok(folder.keep())
}

/// The process that cleans up. This end of its input is never written to.
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
            // A reader waiting for the end of our output must not wait for this process too.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal reaches the whole foreground process group.
            .process_group(0)
            .spawn()
            .map(Self)
            .context("cannot run /bin/sh")
    }
}

impl Drop for Watchdog {
    /// Closes the pipe and waits until the cleanup is done.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
