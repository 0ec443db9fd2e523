//! The direction rules of `lib.rs`, kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A module, and the modules of this crate that it must not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "files",
        &[
            "audit", "cli", "commands", "config", "app", "crypto", "csv_file", "db", "domain",
            "local", "mail", "output", "server", "services",
        ],
    ),
    (
        "domain",
        &[
            "audit", "cli", "commands", "config", "app", "crypto", "files", "db", "local", "mail",
            "output", "server", "services",
        ],
    ),
    (
        "db",
        &[
            "audit", "cli", "commands", "config", "app", "crypto", "files", "local", "mail",
            "output", "server", "services",
        ],
    ),
    (
        "audit",
        &[
            "cli", "commands", "config", "app", "crypto", "db", "local", "mail", "output",
            "server", "services",
        ],
    ),
    (
        "crypto",
        &[
            "audit", "cli", "commands", "config", "db", "local", "mail", "output", "server",
            "services",
        ],
    ),
    (
        "mail",
        &[
            "audit", "cli", "commands", "config", "app", "crypto", "db", "local", "output",
            "server", "services",
        ],
    ),
    (
        "csv_file",
        &[
            "audit", "cli", "commands", "config", "app", "db", "local", "output", "server",
            "services",
        ],
    ),
    (
        "services",
        &[
            "audit", "cli", "commands", "config", "local", "output", "server",
        ],
    ),
    ("server", &["audit", "cli", "commands", "local", "output"]),
    (
        "local",
        &[
            "audit", "cli", "commands", "config", "db", "server", "services",
        ],
    ),
    (
        "output",
        &[
            "audit", "cli", "commands", "config", "app", "db", "local", "server", "services",
        ],
    ),
    (
        "config",
        &[
            "audit", "cli", "commands", "app", "db", "local", "server", "services",
        ],
    ),
];

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

/// The modules of this crate that `code` names: `crate::x` and the braces of `use crate::{…}`.
fn named_modules(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut name = String::new();
            // What follows `::` is inside the module that was named.
            let mut is_first = true;
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => {
                        name.clear();
                        is_first = true;
                    }
                    _ if depth == 1
                        && is_first
                        && (character.is_alphanumeric() || character == '_') =>
                    {
                        name.push(character);
                    }
                    ':' if depth == 1 && !name.is_empty() => {
                        named.push(std::mem::take(&mut name));
                        is_first = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            named.push(rest[..end].to_owned());
        }
    }
    named
}

#[test]
fn data_goes_one_way() {
    let mut offences = Vec::new();
    for (module, forbidden) in FORBIDDEN {
        for file in files(&source().join(module)) {
            for name in named_modules(&code(&file)) {
                if forbidden.contains(&name.as_str()) {
                    offences.push(format!("{} names {name}", file.display()));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
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

/// Whoever opens a handle decides who may look: that is the services' to do.
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

#[test]
fn the_reader_of_modules_reads_them() {
    let code = "use crate::{\n    db::{self, Database},\n    domain::audit::Check,\n    error::Result,\n};\nuse crate::output::Page;";
    assert_eq!(named_modules(code), ["db", "domain", "error", "output"]);
}
