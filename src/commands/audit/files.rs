//! Files that the audit reads: reports and baselines.

use std::path::Path;

use crate::{
    domain::audit::{Report, baseline::Baseline},
    error::{Error, ErrorKind, Result},
    run,
};

/// A report that `-o json` or `--report FILE.json` wrote.
///
/// # Errors
/// `NotFound` when there is no such file, `BadInput` when it is no report.
pub(super) fn read_report(path: &Path) -> Result<Report> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| {
        Error::bad_input(format!("{} is no report of an audit", path.display()))
            .because(error)
            .hint(run!["audit", "--report", "FILE.json"].labeled("make one"))
    })
}

/// The baseline in a file.
///
/// # Errors
/// `NotFound` when there is no such file, `BadInput` when it is no baseline.
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
            .labeled("make one"),
        ),
        _ => error,
    })?;
    Baseline::parse(&text, &path.display().to_string())
}

/// The baseline in a file; an empty one where there is no file.
///
/// # Errors
/// As [`read_baseline`], but for the missing file.
pub(super) fn read_baseline_or_empty(path: &Path) -> Result<Baseline> {
    match read_baseline(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Baseline::default()),
        read => read,
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::not_found(format!("there is no file {}", path.display()))
        }
        _ => Error::failure(format!("{} cannot be read", path.display())).because(error),
    })
}
