//! `tenantctl audit` as a process: streams, exit codes, files, and the way from a finding to its
//! remedy.

use serde_json::Value;

use super::lab::Lab;
use crate::common::{Cli, TestDb};

/// A table that everybody with a right on it reads, whoever's rows they are.
const LEAKING: &str = "
    CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
    INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111', 'A'),
                                     ('22222222-2222-2222-2222-222222222222', 'B');
    CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations, id int NOT NULL,
                        body text, PRIMARY KEY (organization_id, id));
    INSERT INTO notes SELECT id, 1, 'secret of ' || name FROM organizations;
    CREATE POLICY tenant ON notes USING (organization_id = current_setting('app.tenant')::uuid);
    ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON organizations USING (id = current_setting('app.tenant')::uuid);
    GRANT SELECT ON organizations TO {app};
    GRANT SELECT, INSERT, DELETE ON notes TO {app};";

fn check_ids(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .map(|finding| finding["check"].as_str().expect("an id"))
        .collect()
}

/// What the process printed as JSON, whatever its exit code.
fn report(cli: &Cli, args: &[&str]) -> Value {
    let outcome = cli.run(args);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
}

#[test]
fn a_leak_is_proven_with_statements_to_paste_and_no_value_of_the_row() {
    let lab = Lab::new(LEAKING);
    let outcome = lab.cli().run(&["audit"]);
    assert_eq!(outcome.code, 10, "{outcome:?}");
    for part in [
        "CRITICAL",
        "policy-dormant",
        "public.notes",
        "SET LOCAL ROLE",
        "ROLLBACK",
        "1 critical",
    ] {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains("secret of"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("or higher"), "{}", outcome.stderr);

    let shown = lab.cli().run(&["audit", "--show-values"]);
    assert!(shown.stdout.contains("secret of B"), "{}", shown.stdout);
}

/// Whoever pastes the proof sees another tenant's row.
#[test]
fn the_proof_proves() {
    let lab = Lab::new(LEAKING);
    let report = report(&lab.cli(), &["audit", "-o", "json"]);
    let statements = report["findings"][0]["evidence"]["statements"]
        .as_array()
        .expect("a proof");
    let statements: Vec<&str> = statements.iter().filter_map(Value::as_str).collect();
    let rows = lab.rows_of(&statements);
    assert!(!rows.is_empty(), "{statements:?}");
}

#[test]
fn json_says_what_was_inferred_found_skipped_and_tried() {
    let lab = Lab::new(LEAKING);
    let report = report(&lab.cli(), &["audit", "-o", "json"]);
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["tenant"]["root"]["table"], "public.organizations");
    assert_eq!(report["tenant"]["key"], "organization_id");
    assert_eq!(report["summary"]["findings"]["critical"], 1);
    let finding = &report["findings"][0];
    for (key, value) in [
        ("check", "policy-dormant"),
        ("class", "catalog"),
        ("severity", "critical"),
        ("confidence", "proven"),
        ("object", "public.notes"),
    ] {
        assert_eq!(finding[key], value, "{key}");
    }
    assert_eq!(finding["fingerprint"].as_str().map(str::len), Some(16));
    assert!(report["skipped"].is_array() && report["matrix"].is_array());
}

#[test]
fn fail_on_decides_about_the_exit_code() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    cli.ok(&["audit", "--fail-on", "never"]);
    cli.ok(&[
        "audit",
        "--only",
        "tenant-key-no-index",
        "--fail-on",
        "critical",
    ]);
    cli.fails(10, &["audit", "--fail-on", "critical"]);
    let wrong = cli.fails(2, &["audit", "--fail-on", "terrible"]);
    assert!(wrong.contains("critical, high"), "{wrong}");
}

#[test]
fn wrong_names_are_told_with_near_ones() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    let error = cli.fails(3, &["audit", "--only", "rls-disable"]);
    assert!(error.contains("rls-disabled"), "{error}");
    cli.fails(3, &["audit", "--tenant-table", "nowhere"]);
    cli.fails(3, &["audit", "--tenant-key", "nothing"]);
    cli.fails(3, &["audit", "--app-role", "nobody_at_all"]);
    cli.fails(3, &["audit", "explain", "no-such-check"]);
    cli.fails(2, &["audit", "--report", "report"]);
    cli.fails(
        7,
        &["audit", "--database-url", "postgres://x@127.0.0.1:1/x"],
    );
}

#[test]
fn what_was_skipped_fails_where_that_is_wanted() {
    let lab = Lab::new(LEAKING);
    lab.run("ALTER TABLE notes ENABLE ROW LEVEL SECURITY; TRUNCATE organizations CASCADE");
    let cli = lab.cli();
    cli.ok(&["audit"]);
    let error = cli.fails(10, &["audit", "--fail-on-skipped"]);
    assert!(error.contains("skipped"), "{error}");
    cli.fails(10, &["audit", "--fail-on", "never", "--fail-on-skipped"]);
    cli.ok(&[
        "audit",
        "--fail-on-skipped",
        "--only",
        "rls-disabled",
        "--probe",
        "off",
    ]);
}

/// A name with a typo must not narrow the audit down to nothing.
#[test]
fn a_name_that_is_not_there_is_told_with_near_ones() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    for (flag, typo, meant) in [
        ("--schema", "pubilc", "public"),
        ("--exclude-schema", "pubilc", "public"),
        ("--tenant-table", "organisations", "organizations"),
        ("--reference-table", "note", "notes"),
        ("--only", "catlog", "catalog"),
        ("--skip", "polici", "policy"),
    ] {
        let error = cli.fails(3, &["audit", flag, typo]);
        assert!(error.contains(meant), "{flag} {typo}: {error}");
    }
}

#[test]
fn every_format_goes_to_stdout_or_to_a_file() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    for (format, part) in [
        ("json", "\"fingerprint\""),
        ("sarif", "\"2.1.0\""),
        ("junit", "<testsuites"),
        ("markdown", "public.notes"),
        ("github", "::error"),
        ("html", "<!doctype html>"),
        ("plain", "policy-dormant"),
    ] {
        let outcome = cli.run(&["audit", "--format", format]);
        assert_eq!(outcome.code, 10, "{outcome:?}");
        assert!(
            outcome.stdout.contains(part),
            "{format}: {}",
            outcome.stdout
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.sarif");
    let outcome = cli.run(&["audit", "--report", file.to_str().expect("a path")]);
    assert_eq!(outcome.code, 10);
    assert!(
        outcome.stdout.contains("CRITICAL"),
        "the page is still printed"
    );
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a report"))
        .expect("SARIF is JSON");
    assert_eq!(written["version"], "2.1.0");
}

#[test]
fn a_baseline_accepts_until_it_expires() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("baseline.toml");
    let file = file.to_str().expect("a path");
    let accept = [
        "audit",
        "baseline",
        "--file",
        file,
        "--reason",
        "until the move",
        "--owner",
        "dba",
    ];
    cli.fails(6, &[&accept[..], &["--expires", "2020-01-01"]].concat());
    cli.ok(&[&accept[..], &["--expires", "2999-12-31"]].concat());
    // It is extended on request only.
    let again = [&accept[..], &["--expires", "2999-12-31"]].concat();
    let before = std::fs::read(file).expect("the baseline");
    assert!(cli.fails(4, &again).contains("--overwrite"));
    assert_eq!(std::fs::read(file).expect("the baseline"), before);
    cli.ok(&[&again[..], &["--overwrite"]].concat());
    cli.ok(&["audit", "--baseline", file]);
    let accepted = report(&cli, &["audit", "--baseline", file, "-o", "json"]);
    assert!(check_ids(&accepted).is_empty());
    assert_eq!(accepted["suppressed"][0]["owner"], "dba");

    let text = std::fs::read_to_string(file)
        .expect("the baseline")
        .replace("2999-12-31", "2020-01-01");
    std::fs::write(file, text).expect("written");
    let expired = report(&cli, &["audit", "--baseline", file, "-o", "json"]);
    assert_eq!(check_ids(&expired), ["policy-dormant"]);
    let notes = expired["notes"].to_string();
    assert!(notes.contains("expired"), "{notes}");
    cli.fails(3, &["audit", "--baseline", "/nowhere/baseline.toml"]);
}

#[test]
fn diff_tells_what_came_and_what_went() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path")
            .to_owned()
    };
    let (before, after) = (path("before.json"), path("after.json"));
    cli.fails(10, &["audit", "--report", &before]);
    lab.run("ALTER TABLE notes ENABLE ROW LEVEL SECURITY");
    cli.ok(&["audit", "--report", &after]);
    let gone = cli.ok(&["audit", "diff", &before, &after]);
    assert!(
        gone.contains("Gone") && gone.contains("policy-dormant"),
        "{gone}"
    );
    let came = cli.run(&["audit", "diff", &after, &before]);
    assert_eq!(came.code, 10, "{came:?}");
    assert!(came.stdout.contains("New"), "{}", came.stdout);
    cli.fails(3, &["audit", "diff", &before, "/nowhere.json"]);
}

#[test]
fn fix_prints_a_migration_and_applies_it_only_when_told() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    let printed = cli.ok(&["audit", "fix"]);
    assert!(printed.contains("ENABLE ROW LEVEL SECURITY"), "{printed}");
    cli.fails(10, &["audit"]);
    cli.fails(2, &["audit", "fix", "--dry-run"]);
    cli.ok(&["audit", "fix", "--apply", "--dry-run"]);
    cli.fails(10, &["audit"]);
    // Nobody is there to confirm.
    cli.fails(5, &["audit", "fix", "--apply"]);
    cli.ok(&["audit", "fix", "--apply", "--yes"]);
    cli.ok(&["audit"]);
}

/// A policy that never bound anybody is judged once it does: that is no harm that the fix did.
#[test]
fn what_a_fix_uncovers_is_told_as_such() {
    let with = |policy: &str| {
        Lab::new(&format!(
            "CREATE TABLE organizations (id uuid PRIMARY KEY);
             CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations,
                                 id int, body text, PRIMARY KEY (organization_id, id));
             INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111'),
                                              ('22222222-2222-2222-2222-222222222222');
             INSERT INTO notes SELECT id, 1, 'text' FROM organizations;
             ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
             ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON organizations
                 USING (id = nullif(current_setting('app.tenant', true), '')::uuid);
             CREATE POLICY own ON notes USING ({policy});"
        ))
    };
    let apply = |lab: &Lab| {
        let arguments = [
            "audit",
            "fix",
            "--apply",
            "--yes",
            "--only",
            "rls-not-forced,policy",
        ];
        lab.cli().run(&arguments)
    };
    let lab = with(
        "organization_id = nullif(current_setting('app.tenant', true), '')::uuid
         OR current_setting('app.tenant', true) IS NULL",
    );
    let outcome = apply(&lab);
    assert_eq!(outcome.code, 10, "{outcome:?}");
    let said = outcome
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        said.contains("1 finding not detectable before")
            && said.contains("until now")
            && said.contains("policy-open-when-unset public.notes"),
        "{said}"
    );
    let lab = with("organization_id = nullif(current_setting('app.tenant', true), '')::uuid");
    let outcome = apply(&lab);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(!outcome.stderr.contains("before"), "{}", outcome.stderr);
}

/// What is printed is a migration: it runs as it is.
#[test]
fn the_printed_migration_runs() {
    let lab = Lab::new(LEAKING);
    let printed = lab.cli().ok(&["audit", "fix"]);
    lab.run(&printed);
    lab.cli().ok(&["audit"]);
}

/// A foreign key that rows violate would take the whole migration down with it.
#[test]
fn a_key_that_rows_violate_is_left_to_decide() {
    let lab = Lab::new(&format!(
        "{LEAKING}
        CREATE TABLE tags (organization_id uuid NOT NULL REFERENCES organizations,
                           id int PRIMARY KEY, note int, of int REFERENCES tags);
        INSERT INTO tags SELECT id, row_number() OVER (ORDER BY id) FROM organizations;
        UPDATE tags SET of = 2 WHERE id = 1;
        GRANT SELECT ON tags TO {{app}};"
    ));
    let cli = lab.cli();
    let found = report(&cli, &["audit", "-o", "json"]);
    let ids = check_ids(&found);
    assert!(ids.contains(&"fk-without-tenant-key"), "{ids:?}");
    assert!(ids.contains(&"data-cross-tenant-reference"), "{ids:?}");
    let migration = cli.json(&["audit", "fix"]);
    let left = migration["left"].to_string();
    assert!(left.contains("fk-without-tenant-key"), "{migration:#}");
    cli.ok(&["audit", "fix", "--apply", "--yes", "--fail-on", "never"]);
}

#[test]
fn queries_have_file_and_line() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.sql");
    std::fs::write(
        &file,
        "-- all of them\nSELECT body FROM notes WHERE organization_id = $1;\n\nSELECT body FROM notes\nWHERE id = $1;\nSELECT FROM WHERE (;\n",
    )
    .expect("written");
    let folder = folder.path().to_str().expect("a path");
    let report = report(&cli, &["audit", "queries", "--from", folder, "-o", "json"]);
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["check"], "query-no-tenant-predicate");
    assert_eq!(findings[0]["object"], "public.notes");
    assert_eq!(findings[0]["location"]["line"], 4);
    assert_eq!(
        report["skipped"].as_array().map(Vec::len),
        Some(1),
        "{report:#}"
    );
    cli.fails(10, &["audit", "queries", "--from", folder]);
    cli.fails(3, &["audit", "queries", "--from", "/nowhere"]);
    let piped = lab.cli().stdin("DELETE FROM notes WHERE id = 1");
    let piped = piped.run(&["audit", "queries", "--from", "-", "--fail-on", "never"]);
    assert!(piped.stdout.contains("query-unfiltered-write"), "{piped:?}");
}

#[test]
fn what_is_no_text_is_skipped_or_refused() {
    let lab = Lab::new(LEAKING);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("binary.sql"), b"SELECT\0 1").expect("written");
    std::fs::write(folder.path().join("latin.sql"), b"SELECT '\xe4'").expect("written");
    let large = std::fs::File::create(folder.path().join("large.sql")).expect("a file");
    large.set_len(65 << 20).expect("a hole");
    let path = folder.path().to_str().expect("a path");
    let report = report(
        &lab.cli(),
        &["audit", "queries", "--from", path, "-o", "json"],
    );
    let skipped = report["skipped"].to_string();
    for reason in ["is binary", "not UTF-8", "larger than 64 MiB"] {
        assert!(skipped.contains(reason), "{reason}: {skipped}");
    }
    assert_eq!(report["summary"]["statements"], 0);
    let piped = lab.cli().stdin("SELECT\0 1");
    piped.fails(6, &["audit", "queries", "--from", "-"]);
}

#[test]
fn checks_are_listed_and_explained() {
    let cli = Cli::new();
    let list = cli.json(&["audit", "checks"]);
    let list = list.as_array().expect("a list");
    for class in ["catalog", "policy", "grant", "data", "probe", "query"] {
        assert!(list.iter().any(|check| check["class"] == class), "{class}");
    }
    for check in list {
        let id = check["id"].as_str().expect("an id");
        let page = cli.ok(&["audit", "explain", id]);
        for heading in ["## Why", "## Example", "## Fix"] {
            assert!(page.contains(heading), "{id} has no {heading}");
        }
    }
}

/// A page for each check, a check for each page, and no id twice.
#[test]
fn pages_and_checks_are_the_same() {
    let mut ids: Vec<String> = tenantctl::audit::registry::all()
        .iter()
        .map(|check| {
            assert!(
                check.page.starts_with(&format!("# {}", check.id)),
                "{}",
                check.id
            );
            format!("{}.md", check.id)
        })
        .collect();
    ids.sort();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit");
    let mut pages: Vec<String> = std::fs::read_dir(folder)
        .expect("the pages")
        .map(|page| {
            page.expect("a page")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| name != "README.md")
        .collect();
    pages.sort();
    assert_eq!(ids, pages);
}

/// The index names every check of a class under its heading, with the title that the check has.
#[test]
fn the_index_of_the_checks_is_complete() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit/README.md");
    let index = std::fs::read_to_string(file).expect("the index");
    let listed: Vec<&str> = index
        .lines()
        .filter(|line| line.contains(".md): "))
        .collect();
    let mut wanted = Vec::new();
    for class in tenantctl::audit::report::Class::ALL {
        assert!(index.contains(&format!("\n## {class}\n")), "no {class}");
        let checks = tenantctl::audit::registry::all();
        let checks = checks.iter().filter(|check| check.class == *class);
        wanted.extend(checks.map(|check| {
            let (id, title, severity) = (check.id, check.title, check.severity);
            format!("- [{id}]({id}.md): {title} ({severity})")
        }));
    }
    for line in &wanted {
        assert!(listed.contains(&line.as_str()), "not in the index: {line}");
    }
    for line in &listed {
        assert!(wanted.iter().any(|one| one == line), "no check: {line}");
    }
    assert_eq!(listed, wanted, "another order");
}

#[test]
fn csv_and_ndjson_have_a_record_for_each_finding() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    let findings = report(&cli, &["audit", "-o", "json"]);
    let findings = findings["findings"].as_array().expect("findings").clone();
    let lines = cli.run(&["audit", "-o", "ndjson"]);
    let fingerprints: Vec<Value> = lines
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an object")["fingerprint"].clone())
        .collect();
    let wanted: Vec<Value> = findings
        .iter()
        .map(|finding| finding["fingerprint"].clone())
        .collect();
    assert_eq!(fingerprints, wanted);
    let table = cli.run(&["audit", "-o", "csv"]).stdout;
    assert!(table.starts_with("check,class,severity,"), "{table}");
    assert!(table.contains("\npolicy-dormant,catalog,critical,proven,public.notes,"));

    let query = lab.cli().stdin("SELECT FROM WHERE (");
    let query = query.run(&["audit", "queries", "--from", "-", "-o", "ndjson"]);
    assert_eq!(query.stdout, "");
    assert!(query.stderr.contains("1 skipped (not passed)"), "{query:?}");
}

#[test]
fn what_cannot_be_attacked_with_is_told_before_the_attack() {
    let lab = Lab::new(LEAKING);
    let cli = lab.cli();
    for tenants in ["1", "1,1", "1,2,3"] {
        let error = cli.fails(2, &["audit", "--tenants", tenants]);
        assert!(error.contains("two different tenants"), "{error}");
    }
    let error = cli.fails(2, &["audit", "--session", "SET LOCAL app.tenant = 'x'"]);
    assert!(error.contains("{tenant}"), "{error}");
    let error = cli.fails(2, &["audit", "--only", "rls-disabled", "--skip", "catalog"]);
    assert!(error.contains("excludes everything"), "{error}");
    let error = cli.fails(3, &["audit", "--report", "/nowhere/at/all/report.json"]);
    assert!(error.contains("mkdir -p /nowhere/at/all"), "{error}");
    let error = cli.fails(2, &["audit", "--fail-on", "hihg"]);
    assert!(error.contains("never"), "{error}");
}

/// `/dev/stdout` must not be replaced by a file.
#[test]
fn a_report_goes_into_a_pipe_too() {
    let lab = Lab::new(LEAKING);
    let args = ["audit", "--format", "json", "--report", "/dev/stdout"];
    let outcome = lab.cli().run(&args);
    let report: Value = serde_json::from_str(&outcome.stdout).expect("one report");
    assert_eq!(report["schema_version"], 1);
}

#[test]
fn an_empty_database_is_told_and_no_tenant_key_is_an_error() {
    let empty = TestDb::empty();
    let outcome = empty.cli().run(&["audit"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.contains("no tables"), "{}", outcome.stdout);

    let lab = Lab::new("CREATE TABLE colours (id int PRIMARY KEY, name text)");
    let error = lab.cli().fails(3, &["audit"]);
    assert!(error.contains("--tenant-key"), "{error}");
}

#[test]
fn a_configuration_tells_what_flags_would() {
    let lab = Lab::new(LEAKING);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(
        &file,
        "[audit]\nreference_tables = [\"notes\"]\nfail_on = \"critical\"\n",
    )
    .expect("written");
    let config = file.to_str().expect("a path");
    let told = lab.cli().ok(&["--config", config, "audit", "-o", "json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let tables = told["tenant"]["tables"].as_array().expect("tables");
    let notes = tables
        .iter()
        .find(|table| table["table"] == "public.notes")
        .expect("notes");
    assert_eq!(notes["scope"], "reference");
}

#[test]
fn nobody_but_the_operator_audits() {
    let lab = Lab::new(LEAKING);
    lab.cli().fails(5, &["--as", "sam@harbor.example", "audit"]);
}
