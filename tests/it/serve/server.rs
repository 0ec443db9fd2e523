//! A running server, and clients that write what they like.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use tenantctl::{config::TENANT_URL_VARIABLE, db::roles::Rights};

use crate::common::{CLUSTER, Cli, as_role};

/// How long anything may take here. No test measures time; this only ends one that hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// On the databases of the tests requests are served as a role of their own, unless the test says
/// otherwise: an empty variable stands for the owner alone.
fn server_url(command: &Command) -> Option<String> {
    let variable = |name: &str| {
        let mut all = command.get_envs();
        all.find(|(key, _)| *key == name)?.1?.to_str()
    };
    let place = |url: &str| url.split('?').nth(1).map(str::to_owned);
    let url = variable("TENANTCTL_DATABASE_URL")?;
    // A test that names another owner is about that owner.
    let is_ours =
        url.contains("//postgres@") && place(url) == place(&CLUSTER.admin_url("postgres"));
    (is_ours && variable(TENANT_URL_VARIABLE).is_none())
        .then(|| as_role(url, Rights::Server.default_name()))
}

/// A server in a process of its own, killed with this value.
pub struct Serving {
    child: Child,
    /// The first line of stdout.
    pub said: String,
    rest: Option<JoinHandle<String>>,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
}

impl Serving {
    /// Starts `serve` and waits for its line.
    pub fn start(cli: &Cli, args: &[&str]) -> Self {
        let mut all = vec!["serve"];
        if !args
            .iter()
            .any(|arg| ["--listen", "--worker-only"].contains(arg))
        {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(args);
        let mut command = cli.command(&all);
        if let Some(url) = server_url(&command) {
            command.env(TENANT_URL_VARIABLE, url);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().unwrap();
        let logging = thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        stdout.read_line(&mut said).unwrap();
        let rest = thread::spawn(move || {
            let mut rest = String::new();
            let _ended = stdout.read_to_string(&mut rest);
            rest
        });
        let serving = Self {
            child,
            said,
            rest: Some(rest),
            log,
            logging: Some(logging),
        };
        assert!(!serving.said.is_empty(), "{}", serving.log());
        serving
    }

    /// Starts it with a `[server]` section.
    pub fn with(cli: &Cli, section: &str) -> Self {
        Self::with_args(cli, section, &[])
    }

    /// The same with arguments.
    pub fn with_args(cli: &Cli, section: &str, args: &[&str]) -> Self {
        let file = cli.config_file();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(
            file,
            format!("[server]\npublic_metrics = true\n{section}\n"),
        )
        .unwrap();
        Self::start(cli, args)
    }

    pub fn url(&self) -> &str {
        let said = self.said.trim();
        said.strip_prefix("listening on ").unwrap_or(said)
    }

    pub fn address(&self) -> SocketAddr {
        self.url().trim_start_matches("http://").parse().unwrap()
    }

    pub fn connect(&self) -> Connection {
        Connection::to(self.address())
    }

    /// Status and body of a GET, on a connection of its own; status 0 where there was no answer.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.connect().get(path)
    }

    /// Asks again until that is the status.
    #[track_caller]
    pub fn wait_for(&self, path: &str, status: u16) {
        let begun = Instant::now();
        loop {
            let (told, body) = self.get(path);
            if told == status {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{path}: {told} {body}\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn metrics(&self) -> String {
        self.get("/metrics").1
    }

    /// What the log holds so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log has it.
    #[track_caller]
    pub fn wait_for_log(&self, part: &str) {
        let begun = Instant::now();
        while !self.log().contains(part) {
            assert!(begun.elapsed() < PATIENCE, "{part} not in:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end; gives the status, what else was on stdout, and the whole log.
    pub fn end(mut self) -> (ExitStatus, String, String) {
        let begun = Instant::now();
        while !self.has_ended() {
            assert!(begun.elapsed() < PATIENCE, "it runs on:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        let status = self.child.wait().unwrap();
        let rest = self.rest.take().unwrap().join().unwrap();
        self.logging.take().unwrap().join().unwrap();
        (status, rest, self.log())
    }

    /// SIGTERM, and the end.
    pub fn stop(self) -> (ExitStatus, String, String) {
        self.signal(Signal::SIGTERM);
        self.end()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// One connection, byte by byte.
pub struct Connection(pub TcpStream);

impl Connection {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Writes; a server that has closed the connection is no error here.
    pub fn send(&mut self, text: &str) -> bool {
        self.0.write_all(text.as_bytes()).is_ok()
    }

    /// Everything until the server closes the connection.
    pub fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server keeps the connection: {error}"),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn get(&mut self, path: &str) -> (u16, String) {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ));
        parse(&self.read_to_end())
    }
}

/// Status and body of an answer; status 0 where there is none.
pub fn parse(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.unwrap_or(0), body.to_owned())
}
