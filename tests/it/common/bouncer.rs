//! A real PgBouncer in transaction mode, in front of the cluster of the tests.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::unistd::{Uid, User, geteuid};
use tempfile::TempDir;
use tenantctl::system::Environment;
use url::Url;

use super::{Cli, TestDb};

/// The port that names its socket.
const PORT: &str = "6432";

/// Where distributions put it, which is not in every PATH.
const PROGRAMS: [&str; 3] = [
    "/usr/sbin/pgbouncer",
    "/usr/bin/pgbouncer",
    "/usr/local/bin/pgbouncer",
];

/// A pooler, killed with this value.
pub struct Bouncer {
    process: Child,
    folder: TempDir,
    database: String,
    user: String,
}

impl Bouncer {
    /// In front of `db`, with so many connections to the server, and further lines of its
    /// configuration.
    ///
    /// # Panics
    /// Where PgBouncer is missing: what was not checked must not look like what was.
    pub fn start(db: &TestDb, size: u32, further: &str) -> Self {
        let Some(program) = program() else {
            panic!("not checked: pgbouncer not found (install the package pgbouncer)");
        };
        let server = Url::parse(&db.url).unwrap();
        let parameter = |name: &str| {
            let found = server.query_pairs().find(|(key, _)| key == name);
            found
                .expect("the cluster is reached by its socket")
                .1
                .into_owned()
        };
        let (socket, port) = (parameter("host"), parameter("port"));
        let user = server.username().to_owned();
        let folder = tempfile::Builder::new()
            .prefix("pgb")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = folder.path().display();
        let configuration = format!(
            "[databases]\n* = host={socket} port={port} user={user}\n\
             [pgbouncer]\npool_mode = transaction\nauth_type = any\nlisten_addr =\n\
             listen_port = {PORT}\nunix_socket_dir = {place}\nlogfile = {place}/log\n\
             max_client_conn = 500\ndefault_pool_size = {size}\nserver_tls_sslmode = disable\n{further}\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new(program);
        if geteuid().is_root() {
            // It refuses to run as root, and the socket lets nobody in but the cluster's owner.
            let owner = fs::metadata(&socket).unwrap().uid();
            chown(folder.path(), Some(owner), None).unwrap();
            let account = User::from_uid(Uid::from_raw(owner)).unwrap().unwrap();
            command.args(["-u", &account.name]);
        }
        let process = command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bouncer = Self {
            process,
            folder,
            database: db.name.clone(),
            user,
        };
        bouncer.wait();
        bouncer
    }

    fn wait(&self) {
        let socket = self.folder.path().join(format!(".s.PGSQL.{PORT}"));
        let begun = Instant::now();
        while !socket.exists() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "pgbouncer does not start: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn url(&self) -> String {
        format!(
            "postgres://{}@localhost:{PORT}/{}?host={}",
            self.user,
            self.database,
            self.folder.path().display()
        )
    }

    /// The binary, on the database behind it.
    pub fn cli(&self) -> Cli {
        Cli::new().env("TENANTCTL_DATABASE_URL", &self.url())
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let environment = Environment::from_process();
    let path = environment.get_os("PATH").unwrap_or_default();
    std::env::split_paths(path)
        .map(|folder| folder.join("pgbouncer"))
        .chain(PROGRAMS.iter().map(|program| Path::new(program).to_owned()))
        .find(|program| program.is_file())
}
