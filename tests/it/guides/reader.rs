//! A reader of the guides: a home, a working folder and a shell that keeps its variables.

use std::{
    cell::Cell,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::CommandFactory;
use tempfile::TempDir;
use tenantctl::{commands::root, system::Environment};

use super::{
    ENDS, NOT_RUN,
    compare::differs,
    page::{Step, steps},
};

/// Stands for the password manager: one secret for every name.
const PASS: &str = "#!/bin/sh\necho key_3b1f9c7d2e5a4f60\n";

/// Restores the variables, runs the command and saves the variables.
const SHELL: &str = r#"exec 2>&1
[ ! -f "$GUIDE_STATE" ] || . "$GUIDE_STATE"
set -a
eval "$GUIDE_COMMAND"
guide_code=$?
unset GUIDE_COMMAND
export -p >"$GUIDE_STATE.new"
mv "$GUIDE_STATE.new" "$GUIDE_STATE"
exit $guide_code"#;

/// The output of a command, as a terminal shows it.
pub struct Ran {
    pub code: i32,
    pub output: String,
}

pub struct Reader {
    folder: TempDir,
    env: Vec<(String, String)>,
    stand_ins: Vec<(String, String)>,
    has_local: Cell<bool>,
}

impl Reader {
    pub fn new() -> Self {
        // Every account can enter it: for root, the private PostgreSQL runs as another one.
        let folder = tempfile::Builder::new()
            .prefix("tenantctl-guides-")
            .tempdir_in("/tmp")
            .expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let reader = Self {
            folder,
            env: Vec::new(),
            stand_ins: Vec::new(),
            has_local: Cell::new(false),
        };
        for name in ["bin", "home", "work"] {
            fs::create_dir(reader.path(name)).expect("a folder");
        }
        let pass = reader.path("bin/pass");
        fs::write(&pass, PASS).expect("a program");
        fs::set_permissions(pass, fs::Permissions::from_mode(0o755)).expect("a mode");
        // Without the progress, which curl also writes if the output is not a terminal.
        fs::write(reader.path("home/.curlrc"), "silent\n").expect("a file");
        reader
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces a text of the pages, such as a server, in commands; and back in their output.
    #[must_use]
    pub fn stand_in(mut self, shown: &str, real: &str) -> Self {
        self.stand_ins.push((shown.to_owned(), real.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command that the pages do not have and expects success.
    #[track_caller]
    pub fn prepare(&self, command: &str) {
        let ran = self.run(command);
        assert_eq!(ran.code, 0, "{command}\n{}", ran.output);
    }

    pub fn run(&self, command: &str) -> Ran {
        if command.contains("tenantctl local start") || command.contains("tenantctl demo") {
            self.has_local.set(true);
        }
        let mut command = command.to_owned();
        for (shown, real) in &self.stand_ins {
            command = command.replace(shown, real);
        }
        let program = Path::new(env!("CARGO_BIN_EXE_tenantctl"));
        let environment = Environment::from_process();
        let programs = environment
            .text("PATH")
            .expect("a text")
            .unwrap_or_default();
        let folder = program.parent().expect("the folder of the program");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SHELL])
            .env_clear()
            .current_dir(self.path("work"))
            .env(
                "PATH",
                format!(
                    "{}:{}:{programs}",
                    folder.display(),
                    self.path("bin").display()
                ),
            )
            .env("HOME", self.path("home"))
            .env("TENANTCTL_ACTOR", "root")
            .env("GUIDE_STATE", self.path("state.sh"))
            .env("GUIDE_COMMAND", &command)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        for name in ["TENANTCTL_PG_BINDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = environment.get_os(name) {
                shell.env(name, value);
            }
        }
        let ended = shell.output().expect("the shell starts");
        let mut output = String::from_utf8(ended.stdout).expect("UTF-8");
        for (shown, real) in &self.stand_ins {
            output = output.replace(real, shown);
        }
        let work = format!("{}/", self.path("work").display());
        let home = self.path("home").display().to_string();
        Ran {
            code: ended.status.code().unwrap_or(-1),
            output: output.replace(&work, "").replace(&home, "~"),
        }
    }

    /// Runs the commands of a page, and fails with every difference.
    #[track_caller]
    pub fn read(&self, page: &str) {
        let mut wrong = Vec::new();
        let mut used = Vec::new();
        for step in steps(page) {
            let mut is_entry = |entry: &(&'static str, &'static str)| {
                let found = entry.0 == page && step.command.starts_with(entry.1);
                if found {
                    used.push(*entry);
                }
                found
            };
            let is_skipped = NOT_RUN
                .iter()
                .any(|(page, start, _)| is_entry(&(page, start)));
            let end = ENDS
                .iter()
                .find(|(page, start, _)| is_entry(&(page, start)));
            let problem = match is_skipped {
                true => usage_error(&step.command),
                false => self.try_step(&step, end.map(|(_, _, code)| *code)),
            };
            if let Some(problem) = problem {
                wrong.push(format!("{page}:{}: {}\n{problem}", step.line, step.command));
            }
        }
        let entries = NOT_RUN.iter().map(|(page, start, _)| (*page, *start));
        for entry in entries.chain(ENDS.iter().map(|(page, start, _)| (*page, *start))) {
            if entry.0 == page && !used.contains(&entry) {
                wrong.push(format!("{page}: no command of the entry {}", entry.1));
            }
        }
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n\n"));
    }

    fn try_step(&self, step: &Step, end: Option<i32>) -> Option<String> {
        let ran = self.run(&step.command);
        let is_error = step.shown.as_ref().is_some_and(|shown| shown.is_error());
        let code = match (end, is_error) {
            (Some(code), _) if ran.code != code => Some(format!("{code}")),
            (None, true) if ran.code == 0 => Some("the code of an error".to_owned()),
            (None, false) if ran.code != 0 => Some("0".to_owned()),
            _ => None,
        };
        let code = code.map(|expected| format!("exit code {}, expected: {expected}", ran.code));
        let shown = step.shown.as_ref();
        let problem = code.or_else(|| differs(shown?, &ran.output))?;
        Some(format!("{problem}\n--- output:\n{}", ran.output))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.has_local.get() {
            self.run("unset TENANTCTL_PROFILE; tenantctl local destroy --yes --if-exists");
        }
    }
}

/// Checks the words of each `tenantctl` in a command that is not run.
fn usage_error(command: &str) -> Option<String> {
    let command = command.split(" #").next().unwrap_or_default();
    let words = shell_words::split(command).expect("balanced quotes");
    let parts = words.split(|word| ["|", "&&", ";"].contains(&word.as_str()));
    let mut problems = parts.filter_map(|part| {
        let ours = match part {
            [cargo, run, release, dashes, rest @ ..]
                if [cargo, run, release, dashes] == ["cargo", "run", "--release", "--"] =>
            {
                rest
            }
            [name, rest @ ..] if name == "tenantctl" => rest,
            _ => return None,
        };
        let ours = ours
            .iter()
            .map(String::as_str)
            .take_while(|word| *word != ">");
        let parsed =
            root::Cli::command().try_get_matches_from(["tenantctl"].into_iter().chain(ours));
        let error = parsed.err().filter(clap::Error::use_stderr)?;
        Some(error.to_string())
    });
    problems.next()
}
