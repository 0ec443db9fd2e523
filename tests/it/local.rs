//! The private local PostgreSQL, against the real server programs of this machine.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tenantctl::confirm::Confirmed;
use tenantctl::error::ErrorKind;
use tenantctl::local::{
    EphemeralCluster, EphemeralOptions, LocalCluster, LocalOptions, LocalState, Started,
};

/// A cluster in a temporary folder; server and folder go with it, also when a test fails.
struct Scratch {
    cluster: LocalCluster,
    folder: TempDir,
}

impl Scratch {
    fn new(name: &str) -> Self {
        Self::in_folder_of_mode(0o711, name)
    }

    fn in_folder_of_mode(mode: u32, name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tenantctl-it-")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let cluster = cluster_in(&folder.path().join(name));
        Self { cluster, folder }
    }

    async fn start(&self) -> Started {
        self.cluster.start(&|_| ()).await.unwrap()
    }

    fn state(&self) -> LocalState {
        self.cluster.status().unwrap().state
    }

    fn pid(&self) -> i32 {
        self.cluster.status().unwrap().pid.unwrap()
    }

    fn kill_server(&self) {
        kill(Pid::from_raw(self.pid()), Signal::SIGKILL).unwrap();
        wait_until("the killed server is seen as crashed", || {
            self.state() == LocalState::Crashed
        });
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Ok(status) = self.cluster.status() else {
            return;
        };
        if let Some(pid) = status.pid {
            let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
            let running = || {
                self.cluster
                    .status()
                    .is_ok_and(|status| status.state == LocalState::Running)
            };
            let begun = Instant::now();
            while running() && begun.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // Both can lie outside the temporary folder.
        let _ = fs::remove_dir_all(status.socket_dir);
        let _ = fs::remove_dir_all(status.data_dir);
    }
}

fn cluster_in(folder: &Path) -> LocalCluster {
    LocalCluster::new(LocalOptions {
        data_dir: folder.to_owned(),
        bindir: variable("TENANTCTL_PG_BINDIR").map(PathBuf::from),
        path: variable("PATH"),
        durable: false,
    })
}

fn ephemeral_options() -> EphemeralOptions {
    EphemeralOptions {
        bindir: variable("TENANTCTL_PG_BINDIR").map(PathBuf::from),
        path: variable("PATH"),
        downloads: None,
        settings: Vec::new(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests look for the server programs where the caller of the tests has them"
)]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn scalar(url: &str, query: &'static str) -> String {
    let mut connection = connect(url).await;
    sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_cluster_is_made_once_stopped_and_started_again_with_its_data() {
    let scratch = Scratch::new("it's a cluster");
    assert_eq!(scratch.state(), LocalState::NotCreated);

    let first = scratch.start().await;
    assert!(first.created && !first.already_running, "{first:?}");
    assert_eq!(first.url, scratch.cluster.url().unwrap());
    let mut connection = connect(&first.url).await;
    sqlx::raw_sql("CREATE TABLE kept AS SELECT 42 AS answer")
        .execute(&mut connection)
        .await
        .unwrap();

    let second = scratch.start().await;
    assert!(!second.created && second.already_running, "{second:?}");
    assert_eq!(second.version, first.version);

    assert!(scratch.cluster.stop().await.unwrap());
    assert_eq!(scratch.state(), LocalState::Stopped);
    assert!(!scratch.cluster.stop().await.unwrap());

    let third = scratch.start().await;
    assert!(!third.created && !third.already_running, "{third:?}");
    assert_eq!(
        scalar(&third.url, "SELECT answer::text FROM kept").await,
        "42"
    );
}

#[tokio::test]
async fn the_role_is_no_superuser_and_can_make_roles_and_databases() {
    let scratch = Scratch::new("local");
    let started = scratch.start().await;
    let rights = scalar(
        &started.url,
        "SELECT concat_ws(' ', rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls)
         FROM pg_roles WHERE rolname = current_user",
    )
    .await;
    assert_eq!(rights, "tenantctl f t t f");
    let database = scalar(
        &started.url,
        "SELECT concat_ws(' ', datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding))
         FROM pg_database WHERE datname = current_database()",
    )
    .await;
    assert_eq!(database, "tenantctl tenantctl UTF8");
    let admin = scratch.cluster.admin_url().unwrap();
    assert_eq!(
        scalar(&admin, "SELECT current_setting('is_superuser')").await,
        "on"
    );
}

#[tokio::test]
async fn loopback_needs_the_password_of_the_password_file() {
    let scratch = Scratch::new("local");
    scratch.start().await;
    let pgpass = scratch.cluster.pgpass();
    let mode = fs::metadata(&pgpass).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let url = scratch.cluster.tcp_url().unwrap();
    let with = |password: &str| url.replacen("tenantctl@", &format!("tenantctl:{password}@"), 1);
    assert!(PgConnection::connect(&with("wrong")).await.is_err());
    let line = fs::read_to_string(&pgpass).unwrap();
    let password = line.trim().rsplit(':').next().unwrap();
    assert!(password.len() >= 32);
    assert_eq!(
        scalar(&with(password), "SELECT host(inet_server_addr())").await,
        "127.0.0.1"
    );
}

#[tokio::test]
async fn a_killed_server_is_seen_and_recovered() {
    let scratch = Scratch::new("local");
    scratch.start().await;
    let url = scratch.cluster.url().unwrap();
    // An open session is a process that outlives the server for a moment.
    let _session = connect(&url).await;
    scratch.kill_server();
    assert!(!scratch.cluster.stop().await.unwrap());

    let said = Mutex::new(Vec::new());
    let started = scratch
        .cluster
        .start(&|line| said.lock().unwrap().push(line.to_owned()))
        .await
        .unwrap();
    assert!(!started.created && !started.already_running);
    let said = said.into_inner().unwrap();
    assert!(said.iter().any(|line| line.contains("crashed")), "{said:?}");
    assert_eq!(scratch.state(), LocalState::Running);
    assert_eq!(scalar(&started.url, "SELECT 'alive'").await, "alive");
}

#[tokio::test]
async fn a_process_file_that_names_a_living_stranger_does_not_stop_a_start() {
    let scratch = Scratch::new("local");
    scratch.start().await;
    scratch.kill_server();
    let file = scratch.cluster.data_dir().join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();
    assert_eq!(scratch.state(), LocalState::Crashed);
    assert!(!scratch.start().await.already_running);
}

#[tokio::test]
async fn two_starts_at_once_make_one_cluster() {
    let scratch = Scratch::new("local");
    let same = cluster_in(&scratch.folder.path().join("local"));
    let (one, two) = tokio::join!(scratch.cluster.start(&|_| ()), same.start(&|_| ()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.url, two.url);
    assert_ne!(one.created, two.created);
    assert_ne!(one.already_running, two.already_running);
}

#[tokio::test]
async fn a_taken_port_is_replaced_at_the_next_start() {
    let scratch = Scratch::new("local");
    scratch.start().await;
    let port = scratch.cluster.status().unwrap().port.unwrap();
    scratch.cluster.stop().await.unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let started = scratch.start().await;
    assert_ne!(scratch.cluster.status().unwrap().port, Some(port));
    assert_eq!(scalar(&started.url, "SELECT 'alive'").await, "alive");
    let pgpass = fs::read_to_string(scratch.cluster.pgpass()).unwrap();
    assert!(!pgpass.contains(&format!(":{port}:")));
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_works_with_a_folder_elsewhere() {
    let scratch = Scratch::new(&"long".repeat(30));
    let started = scratch.start().await;
    let socket_dir = scratch.cluster.status().unwrap().socket_dir;
    assert!(!socket_dir.starts_with(scratch.folder.path()));
    let mode = fs::metadata(&socket_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(scalar(&started.url, "SELECT 'alive'").await, "alive");

    scratch.cluster.destroy(Confirmed::by_flag()).await.unwrap();
    assert!(!socket_dir.exists());
}

#[tokio::test]
async fn a_folder_closed_to_the_servers_account_stays_closed() {
    let scratch = Scratch::in_folder_of_mode(0o700, "local");
    let root = nix::unistd::geteuid().is_root();
    assert_eq!(
        scratch
            .cluster
            .data_dir()
            .starts_with(scratch.folder.path()),
        !root,
        "only root's server is somebody else"
    );
    let started = scratch.start().await;
    assert_eq!(scalar(&started.url, "SELECT 'alive'").await, "alive");
    let mode = fs::metadata(scratch.folder.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);

    scratch.cluster.destroy(Confirmed::by_flag()).await.unwrap();
    assert!(!scratch.cluster.data_dir().exists());
}

#[tokio::test]
async fn an_interrupted_initdb_leaves_no_half_made_cluster() {
    let scratch = Scratch::new("local");
    let unfinished = scratch.cluster.data_dir().join("data.unfinished");
    fs::create_dir_all(&unfinished).unwrap();
    fs::set_permissions(
        scratch.cluster.data_dir(),
        fs::Permissions::from_mode(0o711),
    )
    .unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    assert_eq!(scratch.state(), LocalState::NotCreated);
    assert!(scratch.start().await.created);
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() {
    let scratch = Scratch::new("local");
    scratch.start().await;
    scratch.cluster.stop().await.unwrap();
    let conf = scratch.cluster.data_dir().join("data/postgresql.auto.conf");
    fs::write(&conf, "shared_buffers = 'a lot'\n").unwrap();
    let error = scratch.cluster.start(&|_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}

#[tokio::test]
async fn destroy_removes_the_cluster_and_nothing_else() {
    let scratch = Scratch::new("local");
    scratch.start().await;
    let pid = scratch.pid();
    let stranger = scratch.cluster.data_dir().join("notes.txt");
    fs::write(&stranger, "mine").unwrap();

    scratch.cluster.destroy(Confirmed::by_flag()).await.unwrap();
    assert_eq!(scratch.state(), LocalState::NotCreated);
    assert!(!Path::new(&format!("/proc/{pid}/cwd")).exists());
    let left: Vec<_> = fs::read_dir(scratch.cluster.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, std::slice::from_ref(&stranger));

    let error = scratch
        .cluster
        .destroy(Confirmed::by_flag())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    fs::remove_file(stranger).unwrap();
    assert!(scratch.start().await.created);
    scratch.cluster.destroy(Confirmed::by_flag()).await.unwrap();
    assert!(!scratch.cluster.data_dir().exists());
}

#[tokio::test]
async fn an_ephemeral_cluster_restarts_at_the_same_url_and_goes_when_dropped() {
    let cluster = EphemeralCluster::start_with(ephemeral_options())
        .await
        .unwrap();
    let url = cluster.admin_url("postgres");
    let data_dir = cluster.data_dir().to_owned();
    assert_eq!(scalar(&url, "SHOW max_connections").await, "300");
    assert_eq!(
        scalar(&url, "SHOW data_directory").await,
        data_dir.to_str().unwrap()
    );

    assert!(cluster.stop().await.unwrap());
    assert!(PgConnection::connect(&url).await.is_err());
    cluster.restart().await.unwrap();
    assert!(cluster.crash().await.unwrap());
    cluster.restart().await.unwrap();
    assert_eq!(scalar(&url, "SELECT 'alive'").await, "alive");

    drop(cluster);
    assert!(!data_dir.parent().unwrap().exists());
    assert!(PgConnection::connect(&url).await.is_err());
}

/// Not a test of its own: what the next one kills.
#[tokio::test]
#[ignore = "run as a child by an_ephemeral_cluster_goes_with_a_killed_process"]
async fn hold_an_ephemeral_cluster() {
    let cluster = EphemeralCluster::start_with(ephemeral_options())
        .await
        .unwrap();
    println!(
        "\nfolder={}",
        cluster.data_dir().parent().unwrap().display()
    );
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn an_ephemeral_cluster_goes_with_a_killed_process() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("local::hold_an_ephemeral_cluster")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let folder = lines
        .find_map(|line| line.strip_prefix("folder=").map(PathBuf::from))
        .expect("the child says where its cluster is");
    let pid: i32 = fs::read_to_string(folder.join("data/postmaster.pid"))
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // The pipe ends although the clean-up may still run: nobody who reads our output waits for it.
    assert_eq!(lines.count(), 0);
    wait_until("the folder is gone", || !folder.exists());
    // A process nobody has reaped has no working directory any more.
    wait_until("the server is gone", || {
        fs::read_link(format!("/proc/{pid}/cwd")).is_err()
            || cfg!(not(target_os = "linux")) && kill(Pid::from_raw(pid), None).is_err()
    });
}
