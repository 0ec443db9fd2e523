//! The rules of `lib.rs` and of docs/ARCHITECTURE.md: direction of imports, places of SQL, openers of handles.

mod cycles;
mod imports;
mod modules;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Only these contain SQL. `local` makes role and database of its own server.
const WITH_SQL: &[&str] = &["db", "audit", "local"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code without comments, so that prose may name whatever it likes.
fn code(path: &Path) -> String {
    fs::read_to_string(path)
        .expect("a source file")
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn only_db_and_audit_contain_sql() {
    let mut offences = Vec::new();
    for file in files(&source()) {
        let inside = file.strip_prefix(source()).expect("below src");
        let module = inside
            .iter()
            .next()
            .and_then(|part| part.to_str())
            .unwrap_or_default();
        if WITH_SQL.contains(&module) {
            continue;
        }
        let code = code(&file);
        for marker in [
            "sqlx::query!",
            "sqlx::query(",
            "sqlx::query_",
            "AssertSqlSafe",
        ] {
            if code.contains(marker) {
                offences.push(format!("{}: {marker}", inside.display()));
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

/// Opening a handle decides about access, which is the task of the services.
#[test]
fn only_services_open_the_handles() {
    const EXCUSED: &[(&str, &str)] = &[(
        "commands/doctor/schema.rs",
        "tries whether the tenant scope can be entered",
    )];
    let mut opened = Vec::new();
    for file in files(&source()) {
        let inside = file.strip_prefix(source()).expect("below src");
        let shown = inside.display().to_string();
        if shown.starts_with("db/") || shown.starts_with("services/") {
            continue;
        }
        let code = code(&file);
        if code.contains("PlatformConn") || code.contains("TenantTx") {
            opened.push(shown);
        }
    }
    opened.sort();
    let excused: Vec<&str> = EXCUSED.iter().map(|(file, _reason)| *file).collect();
    assert_eq!(opened, excused);
}
