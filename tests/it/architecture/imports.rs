//! Imports, read from the source: the paths of `use` declarations and of qualified names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{code, files, source};

/// A file of `src`, by the path of its module: `["db", "table"]`.
pub(super) type Module = Vec<String>;

/// The modules of the crate, and the modules that each imports from.
pub(super) struct Crate {
    files: BTreeMap<Module, PathBuf>,
    texts: BTreeMap<Module, String>,
}

impl Crate {
    pub(super) fn read() -> Self {
        let mut crate_files = BTreeMap::new();
        for file in files(&source()) {
            let inside = file.strip_prefix(source()).expect("below src");
            // Other files of unit tests belong to the module that they test.
            if is_test(inside) {
                continue;
            }
            crate_files.insert(module_of(inside), file);
        }
        let texts = crate_files
            .iter()
            .map(|(module, file)| (module.clone(), without_tests(&code(file))))
            .collect();
        Self {
            files: crate_files,
            texts,
        }
    }

    /// All modules.
    pub(super) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.files.keys()
    }

    /// The modules whose items a module names, itself excluded.
    pub(super) fn imports(&self, module: &Module) -> BTreeSet<Module> {
        let text = &self.texts[module];
        let mut imported = BTreeSet::new();
        for path in paths(text) {
            if let Some(absolute) = absolute(module, &path)
                && let Some(found) = self.resolve(&absolute, 0)
                && found != *module
            {
                imported.insert(found);
            }
        }
        imported
    }

    /// The module that defines what a path names: re-exports are followed.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Module> {
        let longest = (0..=path.len())
            .rev()
            .map(|length| &path[..length])
            .find(|prefix| self.files.contains_key(*prefix))?;
        let Some(name) = path.get(longest.len()) else {
            return Some(longest.to_vec());
        };
        let text = &self.texts[longest];
        if depth < 5 {
            for exported in re_exports(text) {
                if exported.last() == Some(name)
                    && let Some(absolute) = absolute(&longest.to_vec(), &exported)
                    && absolute != path
                {
                    return self.resolve(&absolute, depth + 1);
                }
            }
        }
        Some(longest.to_vec())
    }
}

fn is_test(inside: &Path) -> bool {
    let stem = inside.file_stem().and_then(|stem| stem.to_str());
    stem.is_some_and(|stem| {
        stem.ends_with("_tests")
            || stem.ends_with("_properties")
            || stem == "testing"
            || stem == "sample"
    })
}

fn module_of(inside: &Path) -> Module {
    let mut parts: Module = inside
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts
        .last()
        .is_some_and(|last| last == "mod" || last == "lib" || last == "main")
    {
        let last = parts.pop();
        if last.as_deref() == Some("main") {
            parts.push("main".to_owned());
        }
    }
    parts
}

/// The text before the unit tests, which end a file.
fn without_tests(code: &str) -> String {
    let end = code.find("#[cfg(test)]\nmod ").unwrap_or(code.len());
    code[..end].to_owned()
}

/// The path from the root of the crate; `None` for another crate.
fn absolute(module: &Module, path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module.as_slice(), rest].concat()),
        "super" => {
            let mut base = module.clone();
            base.pop();
            match rest.first().map(String::as_str) {
                Some("super") => absolute(&base, rest),
                _ => Some([base.as_slice(), rest].concat()),
            }
        }
        _ => None,
    }
}

/// The paths that begin with `crate`, `super` or `self`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            read_tree(&code[at..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// The paths that a module exports under a name of its own: `pub use table::Table;`.
fn re_exports(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, matched) in code.match_indices("pub use ") {
        let mut paths = Vec::new();
        read_tree(&code[at + matched.len()..], &mut Vec::new(), &mut paths);
        for path in paths {
            match path.first().map(String::as_str) {
                Some("crate" | "super" | "self") => found.push(path),
                _ => found.push([vec!["self".to_owned()], path].concat()),
            }
        }
    }
    found
}

/// Reads one tree of `use`, and returns its length.
fn read_tree(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        at += name.len();
        if !name.is_empty() {
            prefix.push(name);
        }
        let rest = &text[at..];
        if let Some(more) = rest.strip_prefix("::{") {
            at += 3;
            at += read_list(more, prefix, found);
            break;
        }
        if rest.starts_with("::") && rest[2..].starts_with(|c: char| c.is_alphabetic() || c == '_')
        {
            at += 2;
            continue;
        }
        let mut path = prefix.clone();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        found.push(path);
        break;
    }
    prefix.truncate(depth);
    at
}

/// Reads the trees up to the closing brace, and returns the length.
fn read_list(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '}' => return at + 1,
            c if c.is_alphanumeric() || c == '_' => {
                at += read_tree(&text[at..], prefix, found);
                // Skips `as name`.
                let end = text[at..].find([',', '}']).unwrap_or(0);
                at += end;
            }
            c => at += c.len_utf8(),
        }
    }
    at
}

#[test]
fn the_reader_finds_the_paths_of_a_use_tree() {
    let code = "use crate::{\n    db::{self, Table as _, table::columns},\n    error::Result,\n};\nlet x = super::y::z(1);";
    let found: Vec<String> = paths(code).iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        [
            "crate::db",
            "crate::db::Table",
            "crate::db::table::columns",
            "crate::error::Result",
            "super::y::z",
        ]
    );
}

#[test]
fn a_re_export_leads_to_its_definition() {
    let read = Crate::read();
    let table = read.resolve(&["db".to_owned(), "Table".to_owned()], 0);
    assert_eq!(table, Some(vec!["db".to_owned(), "table".to_owned()]));
    assert!(fs::metadata(&read.files[&vec!["db".to_owned(), "table".to_owned()]]).is_ok());
}
