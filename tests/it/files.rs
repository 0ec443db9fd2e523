//! The operator's files: each command that writes one, and what it must not do to those that exist.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use clap::{Command, CommandFactory as _};
use tenantctl::commands::root::Cli as Root;

use crate::common::{Clinic, Outcome, TestDb};

/// A way to have a file written.
struct Writer {
    /// `{file}` is the file, `{home}` the folder of the test.
    args: &'static str,
    /// The file that is written, where the arguments do not name it.
    file: Option<&'static str>,
    /// The exit code where it is written: imports with wrong rows end with 6, audits with 10.
    code: i32,
    /// Whether others must not read it.
    is_private: bool,
    /// Whether `--overwrite` replaces it.
    is_replaced: bool,
}

const fn writer(args: &'static str, code: i32, is_private: bool) -> Writer {
    Writer {
        args,
        file: None,
        code,
        is_private,
        is_replaced: true,
    }
}

const WRITERS: &[Writer] = &[
    writer("man --out {home}/pages", 0, false).at("pages/tenantctl.1"),
    writer("completions bash --out {file}", 0, false),
    writer("import template patients --out {file}", 0, false),
    writer("config schema --out {file}", 0, false),
    writer("config new-key --out {file}", 0, true).kept(),
    writer(
        "import patients {home}/bad.csv --reject-file {file}",
        6,
        true,
    ),
    writer("import patients {home}/bad.csv --partial", 6, true).at("bad.rejected.csv"),
    writer(
        "import patients {home}/bad.csv --batch 1 --partial --reject-file {file}",
        6,
        true,
    ),
    writer(
        "import members {home}/people.csv --on-conflict update --links-file {file}",
        0,
        true,
    ),
    writer(
        "import organizations {home}/orgs.csv --links-file {file}",
        0,
        true,
    ),
    writer(
        "audit --fail-on never --format json --report {file}",
        0,
        false,
    ),
    writer(
        "audit baseline --file {file} --reason x --owner y --expires 2999-12-31",
        0,
        false,
    ),
    writer("audit fix --write {file} --apply", 0, false),
];

impl Writer {
    const fn at(mut self, file: &'static str) -> Self {
        self.file = Some(file);
        self
    }

    const fn kept(mut self) -> Self {
        self.is_replaced = false;
        self
    }

    fn path(&self, clinic: &Clinic) -> PathBuf {
        clinic.cli.home().join(self.file.unwrap_or("written"))
    }

    fn run(&self, clinic: &Clinic, more: &[&str]) -> Outcome {
        let home = clinic.cli.home().display().to_string();
        let file = self.path(clinic).display().to_string();
        let line = self.args.replace("{home}", &home).replace("{file}", &file);
        let args: Vec<&str> = line.split(' ').chain(more.iter().copied()).collect();
        clinic.cli.run(&args)
    }
}

/// A clinic in whose folder there are files to import; rows of theirs are new in each round.
fn clinic(round: usize) -> Clinic {
    let clinic = Clinic::new();
    let home = clinic.cli.home();
    fs::write(
        home.join("bad.csv"),
        "first_name,last_name,birth_date\nAna,Keller,never\n",
    )
    .unwrap();
    fs::write(
        home.join("people.csv"),
        format!("email,role\np{round}@x.example,viewer\n"),
    )
    .unwrap();
    fs::write(
        home.join("orgs.csv"),
        format!("name,slug,owner_email\nTide {round},tide-{round},o{round}@x.example\n"),
    )
    .unwrap();
    clinic
}

/// Every name below the folder, with what is in it.
fn contents(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            found.push((path, "a link".to_owned()));
        } else if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found.sort();
    found
}

#[test]
fn a_dry_run_writes_no_file_and_says_what_it_would_write() {
    let clinic = clinic(0);
    for writer in WRITERS {
        // Asked for by nobody without a terminal: what it would apply is not the question here.
        let before = contents(clinic.cli.home());
        let outcome = writer.run(&clinic, &["--dry-run", "--yes"]);
        assert_eq!(outcome.code, writer.code, "{}: {outcome:?}", writer.args);
        assert_eq!(contents(clinic.cli.home()), before, "{}", writer.args);
        let said = outcome.stdout + &outcome.stderr;
        let folder = writer.path(&clinic);
        let folder = folder.parent().unwrap().display().to_string();
        assert!(
            said.to_lowercase().contains("would write") && said.contains(&folder),
            "{}: {said}",
            writer.args
        );
    }
}

#[test]
fn an_existing_file_is_a_conflict_and_stays_as_it_was() {
    let clinic = clinic(1);
    for writer in WRITERS {
        let path = writer.path(&clinic);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine\n").unwrap();
        for more in [&["--yes"][..], &["--yes", "--dry-run"]] {
            let before = contents(clinic.cli.home());
            let outcome = writer.run(&clinic, more);
            assert_eq!(outcome.code, 4, "{}: {outcome:?}", writer.args);
            assert!(outcome.stderr.contains("exists"), "{outcome:?}");
            assert_eq!(
                outcome.stderr.contains("--overwrite"),
                writer.is_replaced,
                "{outcome:?}"
            );
            assert_eq!(contents(clinic.cli.home()), before, "{}", writer.args);
        }
        fs::remove_file(path).unwrap();
    }
    assert_eq!(
        clinic.json("import jobs"),
        serde_json::json!([]),
        "refused before any work was done"
    );
}

#[test]
fn overwriting_replaces_the_file_and_keeps_it_private() {
    let clinic = clinic(2);
    for writer in WRITERS {
        let path = writer.path(&clinic);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A baseline is extended, so what is there must be one: this is an empty one.
        let old = "# mine\n";
        fs::write(&path, old).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let outcome = writer.run(&clinic, &["--yes", "--overwrite"]);
        let code = if writer.is_replaced { writer.code } else { 4 };
        assert_eq!(outcome.code, code, "{}: {outcome:?}", writer.args);
        // Nothing is found here, so the baseline that was extended is as it was.
        let is_changed = writer.is_replaced && !writer.args.starts_with("audit baseline");
        assert_eq!(
            fs::read_to_string(&path).unwrap() != old,
            is_changed,
            "{}",
            writer.args
        );
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_symbolic_link_is_refused_even_with_overwrite() {
    let clinic = clinic(3);
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    for writer in WRITERS {
        let path = writer.path(&clinic);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for exists in [true, false] {
            if exists {
                fs::write(&target, "mine\n").unwrap();
            }
            symlink(&target, &path).unwrap();
            let outcome = writer.run(&clinic, &["--yes", "--overwrite"]);
            assert_eq!(outcome.code, 4, "{}: {outcome:?}", writer.args);
            assert!(outcome.stderr.contains("symbolic link"), "{outcome:?}");
            assert!(path.is_symlink(), "{}", writer.args);
            match exists {
                true => assert_eq!(fs::read_to_string(&target).unwrap(), "mine\n"),
                false => assert!(!target.exists()),
            }
            fs::remove_file(&path).unwrap();
            let _ = fs::remove_file(&target);
        }
    }
}

#[test]
fn personal_data_and_secrets_are_for_their_owner_alone() {
    let clinic = clinic(4);
    for writer in WRITERS {
        let path = writer.path(&clinic);
        let outcome = writer.run(&clinic, &["--yes"]);
        assert_eq!(outcome.code, writer.code, "{}: {outcome:?}", writer.args);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            mode == 0o600,
            writer.is_private,
            "{}: {mode:o}",
            writer.args
        );
        let left = contents(path.parent().unwrap());
        assert!(
            !left.iter().any(|(name, _)| {
                let name = name.to_string_lossy();
                name.ends_with(".part") || name.contains("/.tenantctl-")
            }),
            "{left:?}"
        );
        fs::remove_file(path).unwrap();
    }
}

/// The configuration and the state are edited in place, but not through a link either.
#[test]
fn the_programs_own_files_are_not_written_through_a_link() {
    let db = TestDb::new();
    let cli = db.cli().env("X_URL", &db.url);
    cli.ok(&["org", "create", "Harbor Clinic"]);
    let outside = tempfile::tempdir().unwrap();
    for (file, args) in [
        (
            cli.config_file(),
            &[
                "init",
                "--profile-name",
                "x",
                "--database-url-env",
                "X_URL",
                "--no-connect",
            ][..],
        ),
        (
            cli.home().join("state/tenantctl/state.toml"),
            &["org", "use", "harbor-clinic"],
        ),
    ] {
        let target = outside.path().join("target");
        fs::write(&target, "").unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        symlink(&target, &file).unwrap();
        let told = cli.fails(4, &[args, &["--no-input"]].concat());
        assert!(told.contains("symbolic link"), "{told}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
    }
}

/// Arguments that name a file, and do not write it.
const READING: &[&str] = &[
    "after",
    "baseline",
    "before",
    "config",
    "database_url_file",
    "from",
    "from_file",
    "heads",
    "notes_file",
    "password_file",
    "secret_file",
    // A socket that the server listens on; see tests of `serve`.
    "unix_socket",
];

/// A new argument that names a file must be put into one of the two lists.
#[test]
fn every_argument_that_names_a_file_is_known() {
    fn walk(command: &Command, path: &str, unknown: &mut Vec<String>) {
        for argument in command.get_arguments() {
            let names_file = argument
                .get_value_names()
                .unwrap_or_default()
                .iter()
                .any(|name| matches!(name.as_str(), "FILE" | "DIR" | "PATH" | "REPORT"));
            let id = argument.get_id().as_str();
            // What is imported is read, what is accepted is written.
            let is_imported = id == "file" && !path.starts_with(" audit");
            if !names_file || READING.contains(&id) || is_imported {
                continue;
            }
            let flag = format!("--{}", argument.get_long().unwrap_or(id));
            let written = WRITERS.iter().any(|writer| {
                let args = format!(" {} ", writer.args);
                args.starts_with(&format!("{path} ")) && args.contains(&format!(" {flag} "))
            });
            // Kinds of import have the reject file in common.
            if !written && flag != "--reject-file" {
                unknown.push(format!("{path} {flag}"));
            }
        }
        for below in command.get_subcommands() {
            walk(below, &format!("{path} {}", below.get_name()), unknown);
        }
    }
    let mut root = Root::command();
    root.build();
    let mut unknown = Vec::new();
    walk(&root, "", &mut unknown);
    assert!(unknown.is_empty(), "{unknown:#?}");
}
