//! The modules of the crate, from the top down: what each contains, and what it may name. It is the table in
//! docs/ARCHITECTURE.md; `UPDATE_DRIFT=1` writes it there.

use std::{collections::BTreeSet, env, fs, path::Path};

use super::imports::Crate;

struct Allowed {
    module: &'static str,
    contents: &'static str,
    /// The modules that it may name, all of them below it in the list.
    names: &'static [&'static str],
}

/// Anything may name these: they name at most one another.
const BASE: &[&str] = &[
    "confirm", "error", "hint", "quoting", "rfc3339", "stop", "suggest",
];

const MODULES: &[Allowed] = &[
    Allowed {
        module: "main",
        contents: "the program: calls `commands::root::main`",
        names: &[],
    },
    Allowed {
        module: "commands",
        contents: "a file or folder per noun: arguments, `run`, the returned view; the root command, and completion",
        names: &[
            "app", "server", "cli", "config", "services", "audit", "db", "csv_file", "crypto",
            "output", "domain", "local", "system", "files",
        ],
    },
    Allowed {
        module: "app",
        contents: "`App`, the context of a command: configuration, database, session, printer",
        names: &[
            "cli", "config", "services", "db", "mail", "crypto", "output", "domain", "local",
            "system", "files",
        ],
    },
    Allowed {
        module: "server",
        contents: "HTTP: listening, limits, log, metrics, routes, caches, the public API, the lifecycle of workers",
        names: &["config", "services", "db", "crypto", "domain", "system"],
    },
    Allowed {
        module: "cli",
        contents: "parts of the command line that commands share: global flags, value parsers, the scope of a command",
        names: &["config", "csv_file", "output", "domain"],
    },
    Allowed {
        module: "config",
        contents: "file, environment, profiles, state",
        names: &["audit", "output", "domain", "system", "files"],
    },
    Allowed {
        module: "services",
        contents: "use cases: one transaction, the change, its activity entry",
        names: &[
            "db", "mail", "csv_file", "crypto", "domain", "system", "files",
        ],
    },
    Allowed {
        module: "audit",
        contents: "proofs of isolation, their report and its formats; depends on PostgreSQL, not on our schema; the \
                   only other SQL",
        names: &["output"],
    },
    Allowed {
        module: "db",
        contents: "the only SQL on our own schema, and the two handles",
        names: &["domain"],
    },
    Allowed {
        module: "mail",
        contents: "the content and delivery of messages (SMTP); independent of the outbox",
        names: &["domain"],
    },
    Allowed {
        module: "csv_file",
        contents: "reads CSV files of any common format in constant memory; writes reject files",
        names: &["domain"],
    },
    Allowed {
        module: "crypto",
        contents: "encrypts secrets that must be recoverable",
        names: &["domain", "system"],
    },
    Allowed {
        module: "output",
        contents: "the printer, tables, JSON, prompts, the editor; the only module that writes to a stream",
        names: &["domain", "files"],
    },
    Allowed {
        module: "domain",
        contents: "rules without I/O: ids, slugs, roles, channels, booking data, the activity chain, webhooks",
        names: &[],
    },
    Allowed {
        module: "local",
        contents: "the private PostgreSQL",
        names: &["system", "files"],
    },
    Allowed {
        module: "system",
        contents: "the clock, ids, randomness and the environment of the process",
        names: &[],
    },
    Allowed {
        module: "files",
        contents: "writing of all files: existing files, symbolic links, modes, temporary names",
        names: &[],
    },
];

const BEGIN: &str = "<!-- modules: written by tests/it/architecture -->\n";
const END: &str = "<!-- end of modules -->\n";

#[test]
fn every_module_names_only_what_it_may() {
    let read = Crate::read();
    let mut offences = Vec::new();
    let mut unused: BTreeSet<(&str, &str)> = MODULES
        .iter()
        .flat_map(|allowed| allowed.names.iter().map(|name| (allowed.module, *name)))
        .collect();
    for module in read.modules() {
        let Some(top) = module.first().map(String::as_str) else {
            continue;
        };
        let allowed = MODULES.iter().find(|allowed| allowed.module == top);
        for imported in read.imports(module) {
            let Some(name) = imported.first().map(String::as_str) else {
                continue;
            };
            unused.retain(|pair| *pair != (top, name));
            let is_base = BASE.contains(&name) || name == "named_enum";
            let is_allowed = match allowed {
                Some(allowed) => is_base || name == top || allowed.names.contains(&name),
                None => is_base,
            };
            if !is_allowed && top != "main" {
                offences.push(format!("{} names {name}", module.join("/")));
            }
        }
        if allowed.is_none() && !BASE.contains(&top) && top != "named_enum" {
            offences.push(format!("{top} is not in the list of modules"));
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
    assert!(unused.is_empty(), "allowed, and not used: {unused:?}");
}

/// A list from the top down cannot contain a cycle.
#[test]
fn modules_name_only_modules_below_them() {
    for (index, allowed) in MODULES.iter().enumerate() {
        for name in allowed.names {
            let below = MODULES[index + 1..].iter().any(|one| one.module == *name);
            assert!(
                below,
                "{} names {name}, which is not below it",
                allowed.module
            );
        }
    }
}

#[test]
fn the_table_of_modules_is_the_one_in_the_documentation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ARCHITECTURE.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the beginning of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if env::var_os("UPDATE_DRIFT").is_some() {
        fs::write(&path, expected).expect("written");
        return;
    }
    assert!(
        page == expected,
        "run UPDATE_DRIFT=1 cargo test --test it architecture"
    );
}

fn table() -> String {
    let mut table = String::from("| module | contents | may use |\n| --- | --- | --- |\n");
    for Allowed {
        module,
        contents,
        names,
    } in MODULES
    {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let names = match names.is_empty() {
            true => "nothing".to_owned(),
            false => names.join(", "),
        };
        table.push_str(&format!("| `{module}` | {contents} | {names} |\n"));
    }
    let base: Vec<String> = BASE.iter().map(|name| format!("`{name}`")).collect();
    table.push_str(&format!("\nEvery module may use {}.\n", base.join(", ")));
    table
}
