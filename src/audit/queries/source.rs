//! Sources of statements: SQL files, the query metadata of sqlx, pg_stat_statements.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{Statement, split};
use crate::{
    audit::report::{Class, Location, Skipped},
    error::{Context, Error, Result},
    quoting::identifier,
};

/// Statements that were read, and sources that were skipped.
#[derive(Debug, Default)]
pub struct Statements {
    pub statements: Vec<Statement>,
    pub skipped: Vec<Skipped>,
}

/// Maximum size of a file in bytes. Larger files are data dumps, not hand-written SQL.
const LARGEST: u64 = 64 << 20;

/// A file in `.sqlx/`. Its other fields are ignored.
#[derive(Deserialize)]
struct Metadata {
    query: String,
}

impl Statements {
    fn skip(&mut self, object: impl Into<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped {
            check: Class::Query.to_string(),
            object: Some(object.into()),
            reason: reason.into(),
        });
    }

    fn split(&mut self, file: &str, text: &str) {
        for piece in split::statements(text) {
            self.statements.push(Statement {
                sql: piece.text.to_owned(),
                location: Some(Location {
                    file: file.to_owned(),
                    line: piece.line,
                }),
                calls: None,
                label: format!("{file}:{}", piece.line),
            });
        }
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let shown = path.display().to_string();
        let unreadable = || format!("cannot read {shown}");
        if fs::metadata(path).with(unreadable)?.len() > LARGEST {
            self.skip(
                shown,
                format!("the file is larger than {} MiB", LARGEST >> 20),
            );
            return Ok(());
        }
        let bytes = fs::read(path).with(unreadable)?;
        let text = match text(bytes) {
            Ok(text) => text,
            Err(reason) => {
                self.skip(shown, format!("the file {reason}"));
                return Ok(());
            }
        };
        if !has_extension(path, "json") {
            self.split(&shown, &text);
            return Ok(());
        }
        match serde_json::from_str::<Metadata>(&text) {
            Ok(metadata) => self.statements.push(Statement {
                sql: metadata.query,
                location: Some(Location {
                    file: shown.clone(),
                    line: 1,
                }),
                calls: None,
                label: shown,
            }),
            Err(error) => self.skip(shown, format!("the file is not query metadata: {error}")),
        }
        Ok(())
    }
}

/// Reads the statements of a SQL file, of a query metadata file of sqlx, or of all such files below
/// a directory, in the order of their paths.
///
/// # Errors
/// `NotFound` if the path does not exist, `BadInput` if a directory contains no such file.
pub fn from_path(path: &Path) -> Result<Statements> {
    let mut read = Statements::default();
    let shown = path.display();
    if !path.exists() {
        return Err(Error::not_found(format!("{shown} does not exist")));
    }
    if !path.is_dir() {
        read.file(path)?;
        return Ok(read);
    }
    let files = files(path)?;
    if files.is_empty() {
        let message = format!("{shown} contains no .sql file and no .sqlx/query-*.json");
        return Err(Error::bad_input(message));
    }
    for file in files {
        read.file(&file)?;
    }
    Ok(read)
}

/// Reads the statements of a stream, such as standard input.
///
/// # Errors
/// `Failure` if it cannot be read, `BadInput` if it is not text or larger than 64 MiB.
pub fn from_reader(mut reader: impl Read) -> Result<Statements> {
    let mut bytes = Vec::new();
    reader
        .by_ref()
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .context("cannot read standard input")?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("standard input is larger than {} MiB", LARGEST >> 20);
        return Err(Error::bad_input(message).hint("split it and check the parts separately"));
    }
    let text =
        text(bytes).map_err(|reason| Error::bad_input(format!("standard input {reason}")))?;
    let mut read = Statements::default();
    read.split("-", &text);
    Ok(read)
}

/// Returns the text, or the reason why it is not text.
fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    // PostgreSQL does not accept NUL in text, so SQL cannot contain it.
    if bytes.contains(&0) {
        return Err("is binary");
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8")
}

/// Returns the files with statements below a directory, sorted. Symbolic links are not followed:
/// they may form a cycle.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let unreadable = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(&folder).with(unreadable)? {
            let entry = entry.with(unreadable)?;
            let (path, kind) = (entry.path(), entry.file_type().with(unreadable)?);
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && (has_extension(&path, "sql") || is_metadata(&path)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Adds the directory to an I/O error.
trait With<T> {
    fn with(self, message: impl Fn() -> String) -> Result<T>;
}

impl<T> With<T> for std::io::Result<T> {
    fn with(self, message: impl Fn() -> String) -> Result<T> {
        self.map_err(|error| Error::failure(message()).because(error))
    }
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

fn is_metadata(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("query-")) && has_extension(path, "json")
}

/// Selects the schema that contains the view of the extension.
const EXTENSION: &str = "SELECT n.nspname::pg_catalog.text
       FROM pg_catalog.pg_extension e
       JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
      WHERE e.extname OPERATOR(pg_catalog.=) 'pg_stat_statements'";

/// Not a command to paste, because it would overwrite the other libraries that the server loads.
const PRELOAD: &str = "add pg_stat_statements to shared_preload_libraries and restart the server";

/// Reads the statements that ran in the current database, with the number of calls (PostgreSQL
/// manual, F.32). Literals are replaced by placeholders in them.
///
/// # Errors
/// `Unavailable` if the extension is not installed, or was not loaded when the server started.
pub async fn from_pg_stat_statements(connection: &mut PgConnection) -> Result<Statements> {
    let extension = sqlx::query(EXTENSION)
        .fetch_optional(&mut *connection)
        .await
        .context("cannot read the extensions of the database")?;
    let Some(extension) = extension else {
        let message = "extension pg_stat_statements is not installed in this database";
        return Err(Error::unavailable(message)
            .hint(PRELOAD)
            .hint("CREATE EXTENSION pg_stat_statements"));
    };
    let unreadable = "cannot read pg_stat_statements";
    let schema: String = extension.try_get(0).context(unreadable)?;
    // Only the quoted name of the extension's schema is interpolated.
    let sql = format!(
        "SELECT s.queryid, s.query, pg_catalog.sum(s.calls)::pg_catalog.int8, pg_catalog.count(*)
           FROM {}.pg_stat_statements s
           JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.dbid
          WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
          GROUP BY s.queryid, s.query
          ORDER BY pg_catalog.sum(s.calls) DESC, s.queryid",
        identifier(&schema)
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .map_err(|error| Error::unavailable(unreadable).hint(PRELOAD).because(error))?;
    let mut read = Statements::default();
    let mut hidden = 0_i64;
    for row in rows {
        let id: Option<i64> = row.try_get(0).context(unreadable)?;
        let query: Option<String> = row.try_get(1).context(unreadable)?;
        let calls: i64 = row.try_get(2).context(unreadable)?;
        match (id, query) {
            (Some(id), Some(sql)) if sql != "<insufficient privilege>" => {
                read.statements.push(recorded(id, sql, calls));
            }
            _ => hidden += row.try_get::<i64, _>(3).context(unreadable)?,
        }
    }
    if hidden > 0 {
        let reason = format!(
            "the text of {hidden} statements is hidden or lost; grant pg_read_all_stats to see those of other roles"
        );
        read.skip("pg_stat_statements", reason);
    }
    Ok(read)
}

fn recorded(id: i64, sql: String, calls: i64) -> Statement {
    Statement {
        sql,
        location: None,
        calls: u64::try_from(calls).ok(),
        label: format!("query {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_order_with_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        };
        write("b/two.sql", b"SELECT 2;\n\nSELECT 3;");
        write("a.sql", b"\n-- one\nSELECT 1;");
        write("c/query-ab.json", br#"{"query": "SELECT 4", "hash": "x"}"#);
        write("c/query-cd.json", b"{}");
        write("d.sql", b"SELECT '\xff'");
        write("e.txt", b"SELECT 5");
        let read = from_path(folder.path()).expect("statements");
        let found: Vec<(&str, u32)> = read
            .statements
            .iter()
            .map(|one| {
                (
                    one.sql.as_str(),
                    one.location.as_ref().map_or(0, |at| at.line),
                )
            })
            .collect();
        let expected = [
            ("SELECT 1", 3),
            ("SELECT 2", 1),
            ("SELECT 3", 3),
            ("SELECT 4", 1),
        ];
        assert_eq!(found, expected);
        assert_eq!(read.skipped.len(), 2, "{:?}", read.skipped);
    }

    #[test]
    fn a_stream_and_what_is_not_there() {
        let read = from_reader(&b"SELECT 1;\nSELECT 2"[..]).expect("statements");
        assert_eq!(read.statements[1].label, "-:2");
        assert!(from_path(Path::new("/nowhere/at/all")).is_err());
        let empty = tempfile::tempdir().expect("a folder");
        assert!(from_path(empty.path()).is_err());
    }
}
