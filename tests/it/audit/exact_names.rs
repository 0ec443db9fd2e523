//! Statements for a person name exactly what the catalog names, whatever characters that has.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tenantctl::quoting::{identifier, literal};

use super::lab::Lab;
use crate::common::block_on;

/// Names that a terminal would obey, hide or reorder, that look like escapes, or that SQL would
/// read as something else.
const NAMES: [&str; 9] = [
    "esc\u{1b}[2Jnotes",
    "two\nlines; DROP TABLE organizations; --",
    "cr\r\ttab",
    "quote\"'notes",
    "back\\slash\\001B",
    "zero\u{200b}width\u{2060}",
    "right\u{202e}left",
    "U&\"\\0041\"",
    "tag\u{e0041}$$:name",
];

/// A table that a mechanical fix protects, and beside it one whose name is how the name is shown.
fn schema() -> String {
    let mut schema = String::from(
        "CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111', 'A'),
                                          ('22222222-2222-2222-2222-222222222222', 'B');
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON organizations USING (id = current_setting('app.tenant')::uuid);
         GRANT SELECT ON organizations TO {app};",
    );
    for name in NAMES {
        let shown: String = name.chars().flat_map(char::escape_debug).collect();
        for (name, policy) in [(name, true), (&*shown, false)] {
            let table = identifier(name);
            schema.push_str(&format!(
                "CREATE TABLE {table} (organization_id uuid NOT NULL REFERENCES organizations,
                                       {table} text NOT NULL, PRIMARY KEY (organization_id, {table}));
                 INSERT INTO {table} SELECT id, name FROM organizations;"
            ));
            if policy {
                schema.push_str(&format!(
                    "CREATE POLICY {table} ON {table} USING (organization_id = current_setting('app.tenant')::uuid
                                                             AND {table} <> {});
                     GRANT SELECT ON {table} TO {{app}};",
                    literal(name)
                ));
            }
        }
    }
    schema
}

/// Runs the text with psql, and gives its output.
fn psql(lab: &Lab, sql: &str) -> String {
    let bindir: String = block_on(|| async {
        lab.db
            .scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
            .await
    });
    let mut child = Command::new(Path::new(&bindir).join("psql"))
        .args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "name=wrong",
            &lab.db.url,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(sql.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("psql ends");
    assert!(output.status.success(), "{output:?}: {sql}");
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn assert_harmless(text: &str) {
    let hazard = text.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}' | '\u{2060}' | '\u{202e}' | '\u{e0041}')
    });
    assert_eq!(hazard, None, "{text:?}");
}

fn protected(lab: &Lab) -> Vec<String> {
    block_on(|| async {
        lab.db
            .scalar(
                "SELECT array_agg(relname::text ORDER BY relname COLLATE \"C\") FROM pg_class
                  WHERE relkind = 'r' AND relrowsecurity AND relname <> 'organizations'
                    AND relnamespace = 'public'::regnamespace",
            )
            .await
    })
}

#[test]
fn the_printed_migration_changes_the_objects_that_were_found() {
    for conforming in ["on", "off"] {
        let lab = Lab::new(&schema());
        let cli = lab.cli();
        let printed = cli.ok(&["audit", "fix", "--only", "policy-dormant"]);
        assert_harmless(&printed);
        let file = cli.home().join("fix.sql");
        let path = file.to_str().expect("a path");
        cli.ok(&["audit", "fix", "--only", "policy-dormant", "--write", path]);
        let written = std::fs::read_to_string(&file).expect("the migration");
        assert_harmless(&written);
        psql(
            &lab,
            &format!("SET standard_conforming_strings = {conforming}; {printed}"),
        );
        let mut expected = NAMES.map(str::to_owned);
        expected.sort();
        assert_eq!(protected(&lab), expected);
    }
}

#[test]
fn the_migration_applies_to_the_objects_that_were_found() {
    let lab = Lab::new(&schema());
    lab.cli().run(&[
        "audit",
        "fix",
        "--apply",
        "--yes",
        "--only",
        "policy-dormant",
    ]);
    let mut expected = NAMES.map(str::to_owned);
    expected.sort();
    assert_eq!(protected(&lab), expected);
}

#[test]
fn the_printed_proof_shows_the_row_of_the_object_that_was_found() {
    let lab = Lab::new(&schema());
    let outcome = lab.cli().run(&["audit", "--show-values", "-o", "json"]);
    let report: Value = serde_json::from_str(&outcome.stdout).expect("a report");
    let findings = report["findings"].as_array().expect("findings");
    for name in NAMES {
        let object = format!("public.{name}");
        let proof = findings.iter().find_map(|one| {
            let statements = one["evidence"]["statements"].as_array()?;
            let begins = statements.first()?.as_str() == Some("BEGIN");
            (one["object"] == object.as_str() && begins).then_some(statements)
        });
        let proof = proof.unwrap_or_else(|| panic!("{object:?} has no proof: {findings:#?}"));
        let statements: Vec<&str> = proof.iter().filter_map(Value::as_str).collect();
        let script = statements.join(";\n") + ";\n";
        assert_harmless(&script);
        let shown = psql(&lab, &script);
        assert!(shown.contains('|'), "{object:?}: {shown:?}: {script}");
    }
}
