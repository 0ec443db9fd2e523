//! The private cluster: start, stop, status, connection URLs, destroy.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use url::form_urlencoded;

use super::account::Account;
use super::binaries::{Binaries, Search};
use super::control::{self, Control, Shutdown, StartFailure};
use super::files;
use super::layout::Layout;
use super::lock::Lock;
use super::obtain::obtain;
use super::provision::provision;
use super::settings::{HBA, Settings};
use super::status::{LocalState, LocalStatus, major_version, observe};
use super::{DATABASE, LOOPBACK, ROLE, SUPERUSER};
use crate::confirm::Confirmed;
use crate::error::{Context, Error, ErrorKind, Result};
use crate::run;

/// Time to wait for the processes of a crashed server to release its shared memory, and to keep
/// trying ports.
const PATIENCE: Duration = Duration::from_secs(20);

const RETRY: Duration = Duration::from_millis(250);

/// The port of a cluster without a TCP listener; it only names the socket.
const NOMINAL_PORT: u16 = 5432;

/// The location and the programs of a private cluster.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// The folder of the cluster. Root's cluster goes to `/var/lib/tenantctl/<name>-<hash>` instead
    /// if the server's account cannot enter this one, for example below `/root`.
    pub data_dir: PathBuf,
    /// Folder of `initdb`, `pg_ctl` and `postgres`; if set, no other is searched.
    pub bindir: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
    /// `false` for tests: a crash of the machine may lose all data.
    pub durable: bool,
}

/// The result of [`LocalCluster::start`].
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Started {
    /// URL of the Unix socket; contains no password.
    pub url: String,
    pub already_running: bool,
    /// `true` if this call created the data directory.
    pub created: bool,
    /// The server's version, such as `15.14`.
    pub version: String,
}

/// A private PostgreSQL cluster, which may not exist yet.
#[derive(Clone, Debug)]
pub struct LocalCluster {
    layout: Layout,
    bindir: Option<PathBuf>,
    path: Option<OsString>,
    downloads: PathBuf,
    settings: Settings,
}

impl LocalCluster {
    /// Returns the cluster in `options.data_dir`; creates nothing yet.
    pub fn new(options: LocalOptions) -> Self {
        let layout = Layout::resolve(&options.data_dir);
        Self {
            downloads: layout.binaries(),
            layout,
            bindir: options.bindir,
            path: options.path,
            settings: Settings {
                durable: options.durable,
                tcp: true,
                max_connections: 100,
                further: Vec::new(),
            },
        }
    }

    /// Returns a cluster for tests: many connections, the Unix socket only, and `further` settings.
    pub(super) fn for_tests(
        options: LocalOptions,
        downloads: PathBuf,
        further: Vec<(String, String)>,
    ) -> Self {
        let mut cluster = Self::new(options);
        cluster.downloads = downloads;
        cluster.settings.tcp = false;
        cluster.settings.max_connections = 300;
        cluster.settings.further = further;
        cluster
    }

    /// Creates the cluster if it does not exist, starts it if it is not running, recovers it after
    /// a crash, and waits until it accepts connections. Waits for another invocation that is doing
    /// so.
    ///
    /// # Errors
    /// `Unavailable` if the server programs are neither found nor downloadable, or if the server
    /// does not start; the message then contains the end of its log.
    pub async fn start(&self, progress: &dyn Fn(&str)) -> Result<Started> {
        self.layout.check_name()?;
        let account = self.account()?;
        let _lock = self
            .lock(|| files::make_root(self.layout.root(), &account), progress)
            .await?;
        let (state, _) = observe(&self.layout.data())?;
        if state != LocalState::Running {
            self.bring_up(state, account, progress).await?;
        }
        let port = self.port()?;
        let version = provision(&self.layout.socket_dir(), port, &self.layout.pgpass()).await?;
        Ok(Started {
            url: self.socket_url(ROLE, DATABASE, port),
            already_running: state == LocalState::Running,
            created: state == LocalState::NotCreated,
            version,
        })
    }

    async fn bring_up(
        &self,
        state: LocalState,
        account: Account,
        progress: &dyn Fn(&str),
    ) -> Result<()> {
        let control = Control {
            binaries: self.binaries(&account, progress).await?,
            account,
            path: self.path.clone(),
        };
        if state == LocalState::NotCreated {
            progress(&format!(
                "creating a private PostgreSQL {} in {}",
                control.binaries.version,
                self.layout.root().display()
            ));
            control.initdb(&self.layout, self.settings.durable).await?;
        }
        if state == LocalState::Crashed {
            progress("the local PostgreSQL has crashed; recovering it");
        }
        files::remove_misleading_pid_file(&self.layout.data())?;
        control.account.make_private_dir(&self.layout.log_dir())?;
        control
            .account
            .make_private_dir(&self.layout.socket_dir())?;
        files::remove_stale_sockets(&self.layout.socket_dir())?;
        progress("starting the local PostgreSQL");
        self.launch(&control).await
    }

    /// Starts the server. Retries while the remains of a crashed one are in the way, and with
    /// another port if the last one is in use.
    async fn launch(&self, control: &Control) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.write_configuration(self.choose_port()?)?;
            match control.start(&self.layout).await {
                Ok(()) => return Ok(()),
                Err(StartFailure::SharedMemoryInUse(_) | StartFailure::PortInUse(_))
                    if begun.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(RETRY).await;
                }
                Err(
                    StartFailure::SharedMemoryInUse(error)
                    | StartFailure::PortInUse(error)
                    | StartFailure::Other(error),
                ) => return Err(error),
            }
        }
    }

    /// Stops the server. Returns `false` if it was not running.
    pub async fn stop(&self) -> Result<bool> {
        self.shut_down(Shutdown::Fast).await
    }

    /// Stops the server without a checkpoint, as a crash would.
    pub(super) async fn stop_immediately(&self) -> Result<bool> {
        self.shut_down(Shutdown::Immediate).await
    }

    async fn shut_down(&self, shutdown: Shutdown) -> Result<bool> {
        match self.lock(|| self.check_exists(), &|_| ()).await {
            Ok(_lock) => self.shut_down_locked(shutdown).await,
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn shut_down_locked(&self, shutdown: Shutdown) -> Result<bool> {
        let data = self.layout.data();
        match observe(&data)? {
            (LocalState::Running, Some(file)) => {
                control::stop(&file, &data, shutdown).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Returns the state of the cluster. Changes nothing.
    pub fn status(&self) -> Result<LocalStatus> {
        let data = self.layout.data();
        let (state, file) = observe(&data)?;
        let port = match self.port() {
            Ok(port) => Some(port),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(LocalStatus {
            state,
            data_dir: self.layout.root().to_owned(),
            major_version: major_version(&data)?,
            pid: file
                .filter(|_| state == LocalState::Running)
                .map(|file| file.pid),
            port: port.filter(|_| self.settings.tcp),
            socket_dir: self.layout.socket_dir(),
            url: port.map(|port| self.socket_url(ROLE, DATABASE, port)),
            log_file: self.layout.log_file(),
        })
    }

    /// Returns the tool's URL: the Unix socket, without a password.
    ///
    /// # Errors
    /// `NotFound` if the cluster was not created.
    pub fn url(&self) -> Result<String> {
        Ok(self.socket_url(ROLE, DATABASE, self.port()?))
    }

    /// Returns the URL of `role` for the Unix socket.
    ///
    /// # Errors
    /// `NotFound` if the cluster was not created.
    pub fn url_as(&self, role: &str) -> Result<String> {
        Ok(self.socket_url(role, DATABASE, self.port()?))
    }

    /// Returns the URL of the loopback TCP listener, for other programs. The password is in
    /// [`Self::pgpass`].
    ///
    /// # Errors
    /// `NotFound` if the cluster was not created.
    pub fn tcp_url(&self) -> Result<String> {
        Ok(format!(
            "postgres://{ROLE}@{LOOPBACK}:{}/{DATABASE}",
            self.port()?
        ))
    }

    /// Returns the URL of the superuser for the Unix socket.
    ///
    /// # Errors
    /// `NotFound` if the cluster was not created.
    pub fn admin_url(&self) -> Result<String> {
        Ok(self.socket_url(SUPERUSER, "postgres", self.port()?))
    }

    /// Returns the path of the password file of the loopback listener, for `PGPASSFILE`.
    pub fn pgpass(&self) -> PathBuf {
        self.layout.pgpass()
    }

    /// Returns the folder of the cluster. For root it can differ from the requested one.
    pub fn data_dir(&self) -> &Path {
        self.layout.root()
    }

    /// Stops the server and removes the cluster with all its data.
    ///
    /// # Errors
    /// `NotFound` if the cluster was not created.
    pub async fn destroy(&self, _confirmed: Confirmed) -> Result<()> {
        let _lock = self.lock(|| self.check_exists(), &|_| ()).await?;
        if observe(&self.layout.data())?.0 == LocalState::NotCreated {
            return Err(self.not_created());
        }
        self.shut_down_locked(Shutdown::Immediate).await?;
        files::remove(&self.layout, &self.account()?)
    }

    fn account(&self) -> Result<Account> {
        Account::for_server(&self.layout.data())
    }

    fn check_exists(&self) -> Result<()> {
        if self.layout.root().exists() {
            Ok(())
        } else {
            Err(self.not_created())
        }
    }

    async fn lock(
        &self,
        folder_ready: impl Fn() -> Result<()>,
        progress: &dyn Fn(&str),
    ) -> Result<Lock> {
        Lock::acquire(&self.layout.lock(), folder_ready, || {
            progress(
                "waiting for another tenantctl that is starting or stopping the local PostgreSQL",
            );
        })
        .await
    }

    /// Returns the server programs, found or downloaded.
    pub(super) async fn binaries(
        &self,
        account: &Account,
        progress: &dyn Fn(&str),
    ) -> Result<Binaries> {
        let search = Search {
            bindir: self.bindir.clone(),
            path: self.path.clone(),
            downloads: self.downloads.clone(),
            major: major_version(&self.layout.data())?,
        };
        obtain(search, account, progress).await
    }

    fn write_configuration(&self, port: u16) -> Result<()> {
        let layout = &self.layout;
        let conf =
            self.settings
                .server_conf(&layout.data(), &layout.hba(), &layout.socket_dir(), port);
        files::write_readable(&layout.hba(), HBA)?;
        files::write_readable(&layout.server_conf(), &conf)?;
        files::write_readable(&layout.port(), &format!("{port}\n"))
    }

    /// Returns the port of the last start if it is still free, else a free one from the system.
    fn choose_port(&self) -> Result<u16> {
        if !self.settings.tcp {
            return Ok(NOMINAL_PORT);
        }
        if let Ok(port) = self.port()
            && TcpListener::bind((LOOPBACK, port)).is_ok()
        {
            return Ok(port);
        }
        let doing = "cannot find a free port on 127.0.0.1";
        let listener = TcpListener::bind((LOOPBACK, 0)).context(doing)?;
        Ok(listener.local_addr().context(doing)?.port())
    }

    /// Returns the port of the last start.
    fn port(&self) -> Result<u16> {
        let path = self.layout.port();
        match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .context(format!("{}: not a valid port number", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.not_created()),
            Err(error) => Err(error).context(format!("cannot read {}", path.display())),
        }
    }

    fn not_created(&self) -> Error {
        Error::not_found(format!(
            "no local PostgreSQL in {}",
            self.layout.root().display()
        ))
        .hint(run!["local", "start"])
    }

    pub(super) fn socket_url(&self, role: &str, database: &str, port: u16) -> String {
        let folder = self.layout.socket_dir();
        let encode = |text: &[u8]| {
            // libpq, unlike a web form, takes a plus sign literally.
            form_urlencoded::byte_serialize(text)
                .collect::<String>()
                .replace('+', "%20")
        };
        format!(
            "postgres://{role}@localhost/{}?host={}&port={port}",
            encode(database.as_bytes()),
            encode(folder.as_os_str().as_encoded_bytes()).replace("%2F", "/"),
        )
    }

    /// Returns the URL of a test cluster, which has a fixed port.
    pub(super) fn fixed_admin_url(&self, database: &str) -> String {
        self.socket_url(SUPERUSER, database, NOMINAL_PORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(folder: &Path) -> LocalCluster {
        LocalCluster::new(LocalOptions {
            data_dir: folder.to_owned(),
            bindir: None,
            path: None,
            durable: false,
        })
    }

    #[test]
    fn a_cluster_that_was_not_created_has_no_url_and_says_how_to_get_one() {
        let temp = tempfile::tempdir().unwrap();
        let cluster = cluster(&temp.path().join("local"));
        for result in [cluster.url(), cluster.tcp_url(), cluster.admin_url()] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(error.hints(), ["tenantctl local start"]);
        }
        let status = cluster.status().unwrap();
        assert_eq!(status.state, LocalState::NotCreated);
        assert_eq!(status.url, None);
    }

    #[test]
    fn the_socket_folder_is_encoded_for_libpq() {
        let cluster = cluster(Path::new("/srv/Application Support/a+b/local"));
        assert_eq!(
            cluster.socket_url("tenantctl", "my db", 5433),
            "postgres://tenantctl@localhost/my%20db?host=/srv/Application%20Support/a%2Bb/local/run&port=5433"
        );
    }
}
