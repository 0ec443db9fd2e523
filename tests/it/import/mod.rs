//! Importing CSV files.

mod appointments;
mod bookings;
mod crash;
mod files;
mod members;
mod organizations;
mod patients;
mod properties;
mod schedules;

use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Clinic, Outcome, block_on};

/// Writes a file that is to be imported into the clinic's home folder.
fn file(clinic: &Clinic, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = clinic.cli.home().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Imports a text as a file of that kind. `{home}` in the flags is the clinic's folder.
fn import(clinic: &Clinic, kind: &str, text: &str, flags: &str) -> Outcome {
    let path = file(clinic, "import.csv", text);
    let flags = flags.replace("{home}", &clinic.cli.home().display().to_string());
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

/// What was told to be wrong: line, column, rule.
fn faults(outcome: &Outcome) -> Vec<(u64, String, String)> {
    let view = printed(outcome);
    let told = view["faults"].as_array().unwrap().iter().map(|fault| {
        (
            fault["line"].as_u64().unwrap(),
            fault["column"].as_str().unwrap().to_owned(),
            fault["rule"].as_str().unwrap().to_owned(),
        )
    });
    told.collect()
}

/// Imports a text all of whose rows are good, and gives the counts.
#[track_caller]
fn imported(clinic: &Clinic, kind: &str, text: &str, flags: &str) -> [u64; 5] {
    let outcome = import(clinic, kind, text, flags);
    assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    counts(&outcome)
}

/// Imports a text that has wrong rows, and gives what is wrong.
#[track_caller]
fn refused(clinic: &Clinic, kind: &str, text: &str, flags: &str) -> Vec<(u64, String, String)> {
    let outcome = import(clinic, kind, text, flags);
    assert_eq!(outcome.code, 6, "{}{}", outcome.stdout, outcome.stderr);
    faults(&outcome)
}

/// Patients, providers and operatories that rows refer to; the clinic is in Zurich.
fn furnish(clinic: &Clinic) {
    clinic.ok("org update --timezone Europe/Zurich");
    let patients = "external_id,first_name,last_name,email\n\
        P1,Ana,Keller,ana@tide.example\n\
        P2,Bo Luis,van der Berg,\n\
        P3,Cy,Ortiz,family@tide.example\n\
        P4,Di,Ortiz,family@tide.example\n\
        P5,Eve,Muster,\n\
        P6,Eve,Muster,\n";
    imported(clinic, "patients", patients, "");
    let providers = "external_id,name,email\n\
        D1,Dr. Ana Keller,dr@tide.example\n\
        D2,Sam Ortíz,\n\
        D3,Kim Lee,\n\
        D4,Kim Lee II,\n";
    imported(clinic, "providers", providers, "");
    // As two were called the same before names were unique.
    block_on(|| {
        clinic.db.execute(
            "UPDATE providers SET name = 'Kim Lee', sort_name = 'kim lee', shares_name = true
              WHERE external_id = 'D4'",
        )
    });
    imported(
        clinic,
        "operatories",
        "external_id,name\nR1,Room 1\nR2,Room 2\n",
        "",
    );
}
