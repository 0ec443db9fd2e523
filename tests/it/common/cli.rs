//! Running the binary as a process.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tenantctl::system::Environment;

/// The binary with an environment of its own: nothing of the developer's configuration is seen.
pub struct Cli {
    home: TempDir,
    env: Vec<(String, String)>,
    stdin: String,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Cli {
    pub fn new() -> Self {
        Self {
            home: TempDir::new().expect("a temporary folder"),
            env: Vec::new(),
            stdin: String::new(),
        }
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// The home folder of the runs.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the configuration file of the runs is looked for.
    pub fn config_file(&self) -> PathBuf {
        self.home().join("config/tenantctl/config.toml")
    }

    /// A process that was not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantctl"));
        command.args(args).env_clear();
        let environment = Environment::from_process();
        for name in ["PATH", "TENANTCTL_PG_BINDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = environment.get_os(name) {
                command.env(name, value);
            }
        }
        let home = self.home();
        command
            .current_dir(home)
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("TENANTCTL_ACTOR", "tester")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end, with streams that are no terminals.
    pub fn run(&self, args: &[&str]) -> Outcome {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // The binary may end without reading.
        let _ = stdin.write_all(self.stdin.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("the binary ends");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Starts it, for a test that does not wait for its end or its words.
    pub fn begin(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts")
    }

    /// Starts it and kills it after that time, unless it has ended by itself.
    pub fn kill_after(&self, args: &[&str], delay: Duration) {
        let mut child = self.begin(args);
        std::thread::sleep(delay);
        let _ended = child.kill();
        child.wait().expect("the binary ends");
    }

    /// Runs it and expects success; gives stdout.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "{args:?}\n{}", outcome.stderr);
        outcome.stdout
    }

    /// Runs it with `-o json` and expects success; gives the document.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let mut all = args.to_vec();
        all.extend(["-o", "json"]);
        let stdout = self.ok(&all);
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }

    /// Runs it and expects that exit code; gives stderr.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(
            outcome.code, code,
            "{args:?}\nstdout: {}\nstderr: {}",
            outcome.stdout, outcome.stderr
        );
        outcome.stderr
    }
}
