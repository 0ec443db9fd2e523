//! Files that the audit reads and writes: reports and baselines.

use std::path::Path;

use crate::{
    config::write_atomically,
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

/// Fails now where [`write`] would after a long audit.
///
/// # Errors
/// `NotFound` when the folder is not there, `BadInput` when the path is a folder itself.
pub(super) fn expect_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Error::bad_input(format!("{} is a folder", path.display())));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Err(
            Error::not_found(format!("there is no folder {}", folder.display())).hint(format!(
                "mkdir -p {}",
                shell_words::quote(&folder.to_string_lossy())
            )),
        ),
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all; into a device or a pipe, such as `/dev/stdout`, directly:
/// these must not be replaced by a file.
///
/// # Errors
/// `Failure` when it cannot be written.
pub(super) fn write(path: &Path, contents: &str) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(known) if !known.is_file() => std::fs::write(path, contents).map_err(|error| {
            Error::failure(format!("cannot write {}", path.display())).because(error)
        }),
        _ => write_atomically(path, contents),
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
