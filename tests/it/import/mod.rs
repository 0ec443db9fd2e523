//! Importing CSV files.

mod crash;
mod files;
mod patients;
mod properties;

use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Clinic, Outcome};

/// Writes a file that is to be imported into the clinic's home folder.
fn file(clinic: &Clinic, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = clinic.cli.home().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Imports a text as a file of that kind.
fn import(clinic: &Clinic, kind: &str, text: &str, flags: &str) -> Outcome {
    let path = file(clinic, "import.csv", text);
    clinic.run(&format!("import {kind} {} {flags} -o json", path.display()))
}

/// What an import printed.
fn printed(outcome: &Outcome) -> Value {
    let text = &outcome.stdout;
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text} {}", outcome.stderr))
}

/// The counts of an import: new, changed, unchanged, skipped, rejected.
fn counts(outcome: &Outcome) -> [u64; 5] {
    let view = printed(outcome);
    ["new", "changed", "unchanged", "skipped", "rejected"]
        .map(|count| view["counts"][count].as_u64().unwrap())
}
