//! The audit's own statements mean what they say, whatever the audited database puts in their way:
//! operators, functions, types and casts of the same names, and settings of roles.

use std::path::{Path, PathBuf};

use tenantctl::audit::{
    checks::probe::ProbeMode,
    report::{Operation, Verdict},
};

use super::lab::Lab;
use crate::common::{block_on, unique};

const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";
const TENANT: &str = "nullif(current_setting('app.tenant', true), '')::uuid";

/// Tables with keys of a user's type, a row that refers across tenants, and documents.
fn schema() -> String {
    format!(
        "CREATE TYPE kind AS ENUM ('plain', 'odd');
         CREATE TYPE place AS (street text, kind kind);
         CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations,
                             kind kind NOT NULL, id int NOT NULL, body varchar(20), places place[],
                             PRIMARY KEY (organization_id, kind, id), UNIQUE (kind, id));
         INSERT INTO notes VALUES ('{A}', 'plain', 1, 'of a', '{{}}'), ('{B}', 'odd', 2, 'of b', NULL);
         CREATE TABLE tags (organization_id uuid NOT NULL REFERENCES organizations,
                            id int PRIMARY KEY, kind kind NOT NULL, note int NOT NULL,
                            FOREIGN KEY (kind, note) REFERENCES notes (kind, id));
         INSERT INTO tags VALUES ('{A}', 1, 'odd', 2), ('{B}', 2, 'plain', 1);
         CREATE TABLE parts (note int NOT NULL, kind kind NOT NULL, number int,
                             PRIMARY KEY (kind, note, number),
                             FOREIGN KEY (kind, note) REFERENCES notes (kind, id));
         INSERT INTO parts VALUES (1, 'plain', 1), (2, 'odd', 1);
         CREATE VIEW all_notes AS SELECT kind, id, body FROM notes;
         CREATE FUNCTION every_note() RETURNS SETOF notes LANGUAGE sql STABLE AS 'SELECT * FROM public.notes';
         DO $$ DECLARE one text; BEGIN
           FOREACH one IN ARRAY ARRAY['organizations', 'notes', 'tags'] LOOP
             EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
             EXECUTE format('CREATE POLICY tenant ON %I USING (%I = {tenant})', one,
                            CASE one WHEN 'organizations' THEN 'id' ELSE 'organization_id' END);
             EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {{app}}', one);
           END LOOP;
         END $$;
         GRANT SELECT ON parts, all_notes TO {{app}};",
        tenant = TENANT.replace('\'', "''")
    )
}

fn function(marker: &str, name: &str, arguments: &str, returns: &str, value: &str) -> String {
    format!(
        "CREATE FUNCTION evil.{name}({arguments}) RETURNS {returns} LANGUAGE plpgsql AS $f$
         BEGIN RAISE WARNING '{marker} {name}'; RETURN {value}; END $f$;"
    )
}

/// Functions, operators, types and casts that fit better than PostgreSQL's own, in the schema that
/// is first in the path; each leaves `marker` in the log of the server.
fn hijack(lab: &Lab, marker: &str) {
    let mut sql = String::from("CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;");
    for (name, argument, returns, value) in [
        ("to_jsonb", "anyelement", "pg_catalog.jsonb", "NULL"),
        ("to_json", "anyelement", "pg_catalog.json", "NULL"),
        ("lower", "pg_catalog.text", "pg_catalog.text", "$1"),
        ("quote_ident", "pg_catalog.text", "pg_catalog.text", "$1"),
        ("format", "pg_catalog.text", "pg_catalog.text", "$1"),
        (
            "current_setting",
            "pg_catalog.text",
            "pg_catalog.text",
            "''",
        ),
        ("jsonb_typeof", "pg_catalog.jsonb", "pg_catalog.text", "''"),
        ("cardinality", "pg_catalog.text[]", "pg_catalog.int4", "0"),
        ("cast_to_text", "public.kind", "pg_catalog.text", "'x'"),
        ("cast_to_json", "public.kind", "pg_catalog.json", "'1'"),
        ("cast_to_jsonb", "public.kind", "pg_catalog.jsonb", "'1'"),
        ("row_to_json", "public.place", "pg_catalog.json", "'1'"),
        ("row_to_jsonb", "public.place", "pg_catalog.jsonb", "'1'"),
        ("row_to_text", "public.place", "pg_catalog.text", "'x'"),
        ("note_to_json", "public.notes", "pg_catalog.json", "'1'"),
        ("note_to_jsonb", "public.notes", "pg_catalog.jsonb", "'1'"),
    ] {
        sql.push_str(&function(marker, name, argument, returns, value));
    }
    let types = [
        "uuid", "text", "varchar", "int4", "int8", "bool", "jsonb", "name", "oid", "tid",
    ];
    for one in types {
        for (symbol, name) in [("=", "eq"), ("<>", "ne"), (">", "gt"), ("<=", "le")] {
            let both = format!("pg_catalog.{one}, pg_catalog.{one}");
            let name = format!("{name}_{one}");
            sql.push_str(&function(marker, &name, &both, "pg_catalog.bool", "false"));
            sql.push_str(&format!(
                "CREATE OPERATOR evil.{symbol} (FUNCTION = evil.{name},
                     LEFTARG = pg_catalog.{one}, RIGHTARG = pg_catalog.{one});"
            ));
        }
    }
    sql.push_str(&format!(
        "CREATE CAST (public.kind AS pg_catalog.text) WITH FUNCTION evil.cast_to_text(public.kind) AS ASSIGNMENT;
         CREATE CAST (public.kind AS pg_catalog.json) WITH FUNCTION evil.cast_to_json(public.kind);
         CREATE CAST (public.kind AS pg_catalog.jsonb) WITH FUNCTION evil.cast_to_jsonb(public.kind);
         CREATE CAST (public.place AS pg_catalog.json) WITH FUNCTION evil.row_to_json(public.place);
         CREATE CAST (public.place AS pg_catalog.jsonb) WITH FUNCTION evil.row_to_jsonb(public.place);
         CREATE CAST (public.place AS pg_catalog.text) WITH FUNCTION evil.row_to_text(public.place);
         CREATE CAST (public.notes AS pg_catalog.json) WITH FUNCTION evil.note_to_json(public.notes);
         CREATE CAST (public.notes AS pg_catalog.jsonb) WITH FUNCTION evil.note_to_jsonb(public.notes);
         CREATE FUNCTION evil.any_value() RETURNS pg_catalog.bool LANGUAGE plpgsql AS $f$
         BEGIN RAISE WARNING '{marker} domain'; RETURN true; END $f$;
         CREATE DOMAIN evil.uuid AS pg_catalog.uuid CHECK (evil.any_value());
         CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.any_value());
         CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.any_value());
         DO $d$ BEGIN
           EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path = evil, public, pg_catalog', pg_catalog.current_database());
           EXECUTE pg_catalog.format('ALTER DATABASE %I SET DateStyle = ''SQL, DMY''', pg_catalog.current_database());
           EXECUTE pg_catalog.format('ALTER DATABASE %I SET IntervalStyle = ''sql_standard''', pg_catalog.current_database());
           EXECUTE pg_catalog.format('ALTER DATABASE %I SET bytea_output = ''escape''', pg_catalog.current_database());
           EXECUTE pg_catalog.format('ALTER DATABASE %I SET standard_conforming_strings = off', pg_catalog.current_database());
           EXECUTE pg_catalog.format('ALTER DATABASE %I SET quote_all_identifiers = on', pg_catalog.current_database());
         END $d$;"
    ));
    lab.run(&sql);
}

/// The log of the server that the tests run on.
fn server_log(lab: &Lab) -> String {
    let data: String = block_on(|| async {
        lab.db
            .scalar("SELECT setting::pg_catalog.text FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'data_directory'")
            .await
    });
    let root = Path::new(&data).parent().expect("a folder");
    let log = root.join("log/server.log");
    String::from_utf8_lossy(&std::fs::read(log).expect("the log")).into_owned()
}

#[test]
fn nothing_that_fits_better_is_taken_for_postgresqls_own() {
    for mode in [ProbeMode::Read, ProbeMode::Full] {
        let lab = Lab::new(&schema());
        let marker = unique("hijacked");
        hijack(&lab, &marker);
        let report = lab.audit_with(|options| {
            options.probe.mode = mode;
            options.probe.show_values = true;
            options.data.show_values = true;
        });
        let log = server_log(&lab);
        let called: Vec<&str> = log.lines().filter(|line| line.contains(&marker)).collect();
        assert!(called.is_empty(), "{called:#?}");
        let ran = report.matrix.iter().any(|cell| {
            cell.object == "public.notes"
                && cell.operation == Operation::Select
                && matches!(cell.verdict, Verdict::Blocked(_))
        });
        assert!(ran, "{:#?}", report.matrix);
        let crossing = report.findings.iter().find(|one| {
            one.check == "data-cross-tenant-reference" && !one.evidence.rows.is_empty()
        });
        assert!(crossing.is_some(), "{:#?}", report.findings);
    }
}

/// Words before a parenthesis that are no calls.
const NO_CALLS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "by",
    "case",
    "cast",
    "coalesce",
    "distinct",
    "else",
    "exists",
    "explain",
    "filter",
    "from",
    "in",
    "insert",
    "into",
    "lateral",
    "not",
    "on",
    "operator",
    "or",
    "over",
    "select",
    "set",
    "then",
    "using",
    "values",
    "when",
    "where",
    "with",
    "within",
    "materialized",
    "varying",
    "precision",
    "e",
    "x",
    "v",
    "s",
    "r",
    "begin",
    "exception",
    "if",
    "to",
    "overriding",
    "value",
];

/// The parts of a statement that the search path would decide: calls, operators, types.
fn unqualified(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut words: Vec<(String, bool)> = Vec::new();
    let chars: Vec<char> = sql.chars().collect();
    let mut at = 0;
    let text = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        let before = words
            .last()
            .map_or("", |(word, _)| word.as_str())
            .to_owned();
        if c.is_whitespace() {
            at += 1;
            continue;
        } else if c == '-' && next == '-' {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
            continue;
        } else if c == '\'' || c == '"' {
            at += 1;
            while at < chars.len() {
                if chars[at] == '\\' && c == '\'' && before.eq_ignore_ascii_case("e") {
                    at += 1;
                } else if chars[at] == c {
                    if chars.get(at + 1) != Some(&c) {
                        break;
                    }
                    at += 1;
                }
                at += 1;
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' || c == '$' {
            while at < chars.len() && (chars[at].is_alphanumeric() || "_$".contains(chars[at])) {
                at += 1;
            }
        } else if "+-*/<>=~!@#%^&|`?:".contains(c) {
            while at < chars.len() && "+-*/<>=~!@#%^&|`?:".contains(chars[at]) {
                at += 1;
            }
        } else {
            at += 1;
        }
        let token = text(start, at);
        let rest: String = chars[at..].iter().collect();
        let is_word = token.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_word
            && rest.starts_with('(')
            && before != "."
            && !NO_CALLS.contains(&token.to_lowercase().as_str())
            && !matches!(before.as_str(), "::" | "AS")
        {
            found.push(format!("{token}("));
        }
        let is_operator = token.starts_with(|c: char| "+-*/<>=~!@#%^&|".contains(c));
        // An assignment names a column, without the row that it is of; `*` is every column.
        let assigns = token == "="
            && before.starts_with('"')
            && words
                .get(words.len().wrapping_sub(2))
                .is_none_or(|(word, _)| word != ".");
        if is_operator && before != "." && token != "*" && !assigns {
            found.push(format!("{before} {token}"));
        }
        if before == "::" && (is_word || token.starts_with('"')) {
            let of_grammar = [
                "bigint",
                "bit",
                "boolean",
                "character",
                "double",
                "integer",
                "interval",
                "numeric",
                "real",
                "smallint",
                "time",
                "timestamp",
            ];
            if !rest.starts_with('.') && !of_grammar.contains(&token.as_str()) {
                found.push(format!("::{token}"));
            }
        }
        words.push((token, is_word));
    }
    found
}

#[test]
fn every_sql_file_of_the_audit_qualifies_its_names() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/audit");
    let mut waiting = vec![folder];
    let mut looked_at = 0;
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|end| end == "sql") {
                let sql = std::fs::read_to_string(&path).expect("text");
                assert_eq!(unqualified(&sql), Vec::<String>::new(), "{path:?}");
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 15, "{looked_at}");
}

#[test]
fn unqualified_names_are_noticed() {
    for sql in [
        "SELECT count(*)",
        "SELECT a = b",
        "SELECT t.\"a\" = 1",
        "SELECT 'a'::text",
        "SELECT a || 'b'",
    ] {
        assert_ne!(unqualified(sql), Vec::<String>::new(), "{sql}");
    }
    for sql in [
        "SELECT pg_catalog.count(*) FROM a WHERE x OPERATOR(pg_catalog.=) ANY (ARRAY[1])",
        "UPDATE a t SET \"b\" = 'x'::pg_catalog.text",
        "SELECT coalesce(E'\\'', 'count(*) = 1')::integer -- a = b",
    ] {
        assert_eq!(unqualified(sql), Vec::<String>::new(), "{sql}");
    }
}

/// The inside of the string constants of a statement, where one holds statements: a DO block, and
/// the elements of its arrays.
fn with_inner(sql: &str) -> Vec<String> {
    let mut all = vec![sql.to_owned()];
    let mut place = 0;
    while let Some(sql) = all.get(place).cloned() {
        place += 1;
        let bytes: Vec<char> = sql.chars().collect();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] != '\'' {
                at += 1;
                continue;
            }
            let escapes = at > 0 && matches!(bytes[at - 1], 'E' | 'e');
            let mut inner = String::new();
            at += 1;
            while at < bytes.len() {
                match bytes[at] {
                    '\\' if escapes => {
                        at += 1;
                        inner.extend(bytes.get(at));
                    }
                    '\'' if bytes.get(at + 1) == Some(&'\'') => {
                        at += 1;
                        inner.push('\'');
                    }
                    '\'' => break,
                    other => inner.push(other),
                }
                at += 1;
            }
            at += 1;
            let head = inner.trim_start();
            if ["DECLARE", "SELECT", "INSERT", "UPDATE", "DELETE"]
                .iter()
                .any(|word| head.starts_with(word))
            {
                all.push(inner);
            }
        }
    }
    all
}

#[test]
fn every_statement_of_an_audit_qualifies_its_names() {
    let lab = Lab::new(&schema());
    lab.run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET log_statement = ''all''', current_database()); END $$",
    );
    let before = server_log(&lab).len();
    for mode in [ProbeMode::Read, ProbeMode::Full] {
        lab.audit_with(|options| {
            options.probe.mode = mode;
            options.probe.show_values = true;
            options.data.show_values = true;
        });
    }
    let log = server_log(&lab);
    let mut statements: Vec<String> = Vec::new();
    for line in log[before..].lines() {
        let logged = ["LOG:  statement: ", "LOG:  execute "]
            .iter()
            .find_map(|mark| {
                let (_, said) = line.split_once(mark)?;
                Some(match mark.contains("execute") {
                    true => said.split_once(": ").map_or("", |(_, sql)| sql).to_owned(),
                    false => said.to_owned(),
                })
            });
        match (logged, line.strip_prefix('\t')) {
            (Some(sql), _) => statements.push(sql),
            (None, Some(more)) => {
                if let Some(last) = statements.last_mut() {
                    last.push('\n');
                    last.push_str(more);
                }
            }
            (None, None) => statements.push(String::new()),
        }
    }
    let mut judged = 0;
    for sql in statements.iter().flat_map(|sql| with_inner(sql)) {
        let head = sql.trim_start();
        // The driver asks for types by itself, under the search path that was set.
        let of_driver = sql.contains("pg_type WHERE oid = $1") || sql.contains("ILIKE");
        let is_ours = !of_driver && !sql.contains("pg_settings WHERE name");
        let is_block = head.starts_with("DECLARE");
        let is_query = ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"]
            .iter()
            .any(|word| head.starts_with(word));
        if is_ours && (is_query || is_block) {
            let mut found = unqualified(&sql);
            // PL/pgSQL assigns with these, which are no operators.
            found.retain(|one| {
                !(is_block
                    && (one.ends_with(":=")
                        || one == "touched ="
                        || one == "ERRCODE ="
                        || one == "code ="
                        || one == "said ="
                        || one == "broken ="
                        || one == "missing ="))
            });
            assert_eq!(found, Vec::<String>::new(), "{sql}");
            judged += 1;
        }
    }
    assert!(judged > 40, "{judged}: {statements:#?}");
}
