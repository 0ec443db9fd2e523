//! The main job: from nothing to two organizations that do not see each other.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::Cli;

/// A home below a folder that every account can enter, and a copy of the binary in it.
struct Machine {
    folder: TempDir,
    /// `None`: the account of the tests.
    account: Option<nix::unistd::User>,
}

impl Machine {
    fn new(account: Option<nix::unistd::User>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tenantctl-demo-")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // By another process: a copy of our own would be open for writing in whatever another
        // test starts at this moment, and could not be run ("text file busy").
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_tenantctl"))
            .arg(folder.path().join("tenantctl"))
            .status()
            .unwrap();
        assert!(copied.success());
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        if let Some(account) = &account {
            nix::unistd::chown(&home, Some(account.uid), Some(account.gid)).unwrap();
        }
        Self { folder, account }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        // The environment of every other test, with a home and a binary of this one.
        let sample = Cli::new();
        let template = sample.command(args);
        let mut command = Command::new(self.path().join("tenantctl"));
        command.args(args).env_clear();
        for (name, value) in template.get_envs() {
            if let (Some(value), false) = (value, name.to_string_lossy().starts_with("XDG_")) {
                command.env(name, value);
            }
        }
        command.env("HOME", self.path().join("home"));
        command.current_dir("/").stdin(Stdio::null());
        if let Some(account) = &self.account {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        let output = command.output().unwrap();
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.run(&["local", "destroy", "--yes", "--if-exists"]);
    }
}

fn play(machine: &Machine) -> Value {
    let (code, stdout, stderr) = machine.run(&["demo", "-o", "json"]);
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn check(machine: &Machine) {
    let first = play(machine);
    assert_eq!(first["summary"]["leaks"], 0);
    assert!(first["summary"]["blocked"].as_u64().unwrap() > 100);
    assert_eq!(first["invited"]["organization"], "harbor-clinic");
    assert_eq!(first["invited"]["role"], "admin");
    let organizations = first["organizations"].as_array().unwrap();
    assert_ne!(
        organizations[0]["twilio_instructions"],
        organizations[1]["twilio_instructions"]
    );
    assert_ne!(
        organizations[0]["whatsapp_enabled"],
        organizations[1]["whatsapp_enabled"]
    );
    let again = play(machine);
    assert_eq!(again["organizations"], first["organizations"]);
    assert_eq!(again["trials"], first["trials"]);

    // The commands it names to try next: all but the one that shows the refusal succeed.
    let commands = again["try_next"].as_array().unwrap();
    assert_eq!(commands.len(), 6);
    for command in commands {
        let words = shell_words::split(command.as_str().unwrap()).unwrap();
        let args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let (code, _, stderr) = machine.run(&args);
        let expected = if args.contains(&"--as") { 3 } else { 0 };
        assert_eq!(code, expected, "{command}: {stderr}");
    }
}

#[test]
fn the_demo_plays_twice_and_its_next_commands_work() {
    check(&Machine::new(None));
}

/// Started by root, the tests try an ordinary account too; else they run as one already.
#[test]
fn the_demo_plays_for_an_ordinary_user() {
    let account = match nix::unistd::geteuid().is_root() {
        true => Some(nix::unistd::User::from_name("nobody").unwrap().unwrap()),
        false => None,
    };
    check(&Machine::new(account));
}

#[test]
fn the_demo_touches_no_other_database() {
    let cli = Cli::new();
    let told = cli.fails(
        2,
        &["demo", "--database-url", "postgres://localhost/production"],
    );
    assert!(told.contains("private PostgreSQL"), "{told}");
}
