//! Files that the audit reads: reports and baselines.

use std::path::Path;

use crate::{
    audit::report::{Report, baseline::Baseline},
    error::{Error, ErrorKind, Result},
    run,
};

/// Reads a report written by `-o json` or `--report FILE.json`.
///
/// # Errors
/// `NotFound` if the file does not exist, `BadInput` if it is not a report.
pub(super) fn read_report(path: &Path) -> Result<Report> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| {
        Error::bad_input(format!("{} is not an audit report", path.display()))
            .because(error)
            .hint(run!["audit", "--report", "FILE.json"].labeled("create one"))
    })
}

/// Reads the baseline in a file.
///
/// # Errors
/// `NotFound` if the file does not exist, `BadInput` if it is not a baseline.
pub(super) fn read_baseline(path: &Path) -> Result<Baseline> {
    let text = read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => error.hint(
            run![
                "audit",
                "baseline",
                "--file",
                path.to_string_lossy(),
                "--reason",
                "TEXT",
                "--owner",
                "NAME",
                "--expires",
                "YYYY-MM-DD"
            ]
            .labeled("create one"),
        ),
        _ => error,
    })?;
    Baseline::parse(&text, &path.display().to_string())
}

/// Reads the baseline in a file. Returns an empty one if the file does not exist.
pub(super) fn read_baseline_or_empty(path: &Path) -> Result<Baseline> {
    match read_baseline(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Baseline::default()),
        read => read,
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(format!("{} not found", path.display())),
        _ => Error::failure(format!("{} cannot be read", path.display())).because(error),
    })
}
