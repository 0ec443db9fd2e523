//! The committed generated files are equal to what the code generates now.
//!
//! After a change of commands, flags, configuration or migrations, write all of them again:
//!
//! ```text
//! UPDATE_DRIFT=1 cargo test drift
//! ```

mod phone_plans;
mod reference;
mod schema;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use tenantctl::{commands::completions::Shell, config};

/// The generated files of one folder, by name.
type Files = BTreeMap<String, String>;

#[test]
fn drift_of_completions() {
    let scripts = Shell::value_variants().iter().map(|shell| {
        let script = shell.script().expect("every shell has a script");
        (shell.file_name().to_owned(), script)
    });
    settle("completions", &scripts.collect());
}

#[test]
fn drift_of_the_command_reference() {
    settle("docs/cli", &reference::pages());
}

#[test]
fn drift_of_the_example_configuration() {
    settle_file("config.example.toml", &config::example());
}

#[test]
fn drift_of_the_numbering_plans() {
    settle_file("src/domain/phone_plan/plans.txt", &phone_plans::text());
}

#[test]
fn drift_of_the_schema() {
    settle_file("docs/schema.md", &schema::page());
}

const DRIFTED: &str = "has drifted from the code; regenerate it: UPDATE_DRIFT=1 cargo test drift";

/// Compares a file with its generated text, or writes it.
fn settle_file(file: &str, generated: &str) {
    let path = root().join(file);
    if updating() {
        fs::write(&path, generated).expect("the file is written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{file} {DRIFTED}");
}

/// Compares a folder with what belongs in it, or makes it so.
fn settle(folder: &str, generated: &Files) {
    let path = root().join(folder);
    if updating() {
        write(&path, generated);
    }
    let committed = read(&path);
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(generated), "{folder} {DRIFTED}");
    for (name, text) in generated {
        assert!(committed[name] == *text, "{folder}/{name} {DRIFTED}");
    }
}

fn write(folder: &Path, files: &Files) {
    fs::create_dir_all(folder).expect("the folder is made");
    for stale in read(folder)
        .keys()
        .filter(|name| !files.contains_key(*name))
    {
        fs::remove_file(folder.join(stale)).expect("a stale file is removed");
    }
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("the file is written");
    }
}

fn read(folder: &Path) -> Files {
    let Ok(entries) = fs::read_dir(folder) else {
        return Files::new();
    };
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = fs::read_to_string(entry.path()).expect("a text");
            (name, text)
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the caller of the tests asks for it in the environment"
)]
fn updating() -> bool {
    std::env::var_os("UPDATE_DRIFT").is_some()
}
