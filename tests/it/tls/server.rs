//! A PostgreSQL of its own, on a port of loopback, with a certificate.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::unistd::geteuid;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use tempfile::TempDir;

use crate::common::CLUSTER;

/// Certificate and key, as PEM.
pub type Pair = (String, String);

/// Issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn issue(&self, names: &[&str]) -> Pair {
        self.issue_until(names, 2999)
    }

    /// One that was good until the first day of 2021.
    pub fn issue_expired(&self, names: &[&str]) -> Pair {
        self.issue_until(names, 2021)
    }

    fn issue_until(&self, names: &[&str], year: i32) -> Pair {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &*self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// Killed with this value.
pub struct Server {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Server {
    pub fn start(pair: &Pair, settings: &str) -> Self {
        Self::start_with(pair, settings, "host")
    }

    /// `kind` of connection is let in: `host`, `hostssl` or `hostnossl`.
    pub fn start_with(pair: &Pair, settings: &str, kind: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pgtls")
            .tempdir_in("/tmp")
            .unwrap();
        let place = folder.path();
        fs::set_permissions(place, fs::Permissions::from_mode(0o700)).unwrap();
        let owner = owner();
        chown(place, owner, owner).unwrap();
        let data = place.join("data");
        let ended = program("initdb")
            .args(["-A", "trust", "-U", "postgres", "-N", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(ended.status.success(), "{ended:?}");
        for (name, text) in [("server.crt", &pair.0), ("server.key", &pair.1)] {
            let file = place.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&file, owner, owner).unwrap();
        }
        let hba = data.join("pg_hba.conf");
        fs::write(hba, format!("{kind} all all 127.0.0.1/32 trust\n")).unwrap();
        let port = free_port();
        let at = place.display();
        let configuration = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{at}'\n\
             fsync = off\nssl = on\nssl_cert_file = '{at}/server.crt'\n\
             ssl_key_file = '{at}/server.key'\n{settings}\n"
        );
        fs::write(data.join("postgresql.conf"), configuration).unwrap();
        let process = program("postgres").arg("-D").arg(&data).spawn().unwrap();
        let server = Self {
            process,
            folder,
            port,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        let begun = Instant::now();
        // Written when it accepts connections.
        let ready = || {
            let file = self.folder.path().join("data/postmaster.pid");
            fs::read_to_string(file).is_ok_and(|text| text.contains("ready"))
        };
        while !ready() || TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no server");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn url(&self, parameters: &str) -> String {
        let port = self.port;
        format!("postgres://postgres@127.0.0.1:{port}/postgres?{parameters}")
    }

    /// A file beside the server's.
    pub fn keep(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// The account that owns the cluster of the tests: PostgreSQL refuses to run as root.
fn owner() -> Option<u32> {
    if !geteuid().is_root() {
        return None;
    }
    let url = url::Url::parse(&CLUSTER.admin_url("postgres")).unwrap();
    let (_, socket) = url.query_pairs().find(|(name, _)| name == "host")?;
    Some(fs::metadata(Path::new(socket.as_ref())).unwrap().uid())
}

fn program(name: &str) -> Command {
    let mut command = Command::new(CLUSTER.bindir().join(name));
    if let Some(owner) = owner() {
        command.uid(owner).gid(owner);
    }
    command
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
