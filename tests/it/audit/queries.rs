//! `tenantctl audit queries`: statements from files and from the server's statistics.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tenantctl::{
    local::{EphemeralCluster, EphemeralOptions},
    system::Environment,
};
use url::Url;

use super::lab::Lab;
use crate::common::{CLUSTER, Cli, block_on};

/// Members with a user, sessions with a unique token, plans without a key of their tenant.
const SCHEMA: &str = "
    CREATE TABLE organizations (id uuid PRIMARY KEY, slug text NOT NULL, name text);
    CREATE UNIQUE INDEX ON organizations (slug);
    CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL UNIQUE);
    CREATE TABLE members (organization_id uuid NOT NULL REFERENCES organizations,
                          user_id uuid NOT NULL REFERENCES users, role text,
                          PRIMARY KEY (organization_id, user_id));
    CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations, id int NOT NULL,
                        author uuid, body text, PRIMARY KEY (organization_id, id));
    CREATE TABLE tags (organization_id uuid NOT NULL REFERENCES organizations, id int NOT NULL,
                       label text, PRIMARY KEY (organization_id, id));
    CREATE TABLE sessions (token text PRIMARY KEY, org uuid, started timestamptz);
    CREATE TABLE plans (id int PRIMARY KEY, org uuid, status text);
    INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111', 'a', 'A'),
                                     ('22222222-2222-2222-2222-222222222222', 'b', 'B');
    INSERT INTO notes SELECT id, 1, NULL, 'secret of ' || name FROM organizations;";

fn queries(cli: &Cli, from: &str) -> Value {
    let outcome = cli.run(&["audit", "queries", "--from", from, "-o", "json"]);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
}

fn findings(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .map(|finding| (text(&finding["check"]), text(&finding["object"])))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn judged<'r>(lab: &Lab, sql: &str, report: &'r mut Value) -> Vec<(&'r str, &'r str)> {
    *report = queries(&lab.cli().stdin(sql), "-");
    findings(report)
}

/// What is known of memberships, unique keys and tenants comes from the catalog.
#[test]
fn statements_are_judged_by_what_the_catalog_says() {
    let lab = Lab::new(SCHEMA);
    let mut report = Value::Null;
    for sql in [
        "SELECT * FROM notes WHERE organization_id IN (SELECT organization_id FROM members WHERE user_id = $1)",
        "SELECT * FROM notes n JOIN members m USING (organization_id) JOIN users u ON u.id = m.user_id WHERE u.email = $1",
        "SELECT * FROM notes n JOIN sessions s ON s.org = n.organization_id WHERE s.token = $1",
        "SELECT * FROM notes n JOIN organizations o ON o.id = n.organization_id WHERE o.slug = $1",
    ] {
        assert_eq!(judged(&lab, sql, &mut report), [], "{sql}");
    }
    let read = "query-no-tenant-predicate";
    for (sql, expected) in [
        (
            "SELECT * FROM notes WHERE organization_id IN (SELECT organization_id FROM tags WHERE label = $1)",
            vec![(read, "public.notes"), (read, "public.tags")],
        ),
        (
            "SELECT * FROM notes n JOIN plans p ON p.org = n.organization_id WHERE p.status = 'active'",
            vec![(read, "public.notes")],
        ),
        (
            "SELECT * FROM notes n JOIN organizations o ON o.id = n.organization_id WHERE o.name = $1",
            vec![(read, "public.notes"), (read, "public.organizations")],
        ),
        (
            "UPDATE members SET role = 'owner' WHERE user_id = $1",
            vec![("query-unfiltered-write", "public.members")],
        ),
    ] {
        let mut found = judged(&lab, sql, &mut report);
        found.sort_unstable();
        assert_eq!(found, expected, "{sql}");
    }
}

#[test]
fn what_cannot_be_read_is_skipped_and_not_passed() {
    let lab = Lab::new(SCHEMA);
    let mut report = Value::Null;
    let text = "SELECT 1;\nDO $$ BEGIN DELETE FROM notes; END $$;\nSELCT * FROM notes;";
    assert_eq!(judged(&lab, text, &mut report), []);
    let skipped = report["skipped"].as_array().expect("a list");
    let objects: Vec<&str> = skipped
        .iter()
        .filter_map(|one| one["object"].as_str())
        .collect();
    assert_eq!(objects, ["-:2", "-:3"]);
}

#[test]
fn without_the_extension_it_says_how_to_get_it() {
    let lab = Lab::new(SCHEMA);
    let stderr = lab
        .cli()
        .fails(7, &["audit", "queries", "--from", "pg_stat_statements"]);
    for part in [
        "pg_stat_statements",
        "shared_preload_libraries",
        "CREATE EXTENSION",
    ] {
        assert!(stderr.contains(part), "{stderr}");
    }
}

/// A server that keeps statistics of statements, which takes a restart with its library loaded.
async fn server_with_statistics() -> EphemeralCluster {
    let environment = Environment::from_process();
    let preload = ("shared_preload_libraries", "pg_stat_statements");
    EphemeralCluster::start_with(EphemeralOptions {
        bindir: environment.path("TENANTCTL_PG_BINDIR").map(Into::into),
        path: environment.get_os("PATH").map(Into::into),
        downloads: None,
        settings: vec![(preload.0.to_owned(), preload.1.to_owned())],
    })
    .await
    .expect("a server")
}

/// Whether the server programs come with the extension: distributions package it apart.
async fn statistics_are_installed(url: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    let sql = "SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_stat_statements'";
    let found = connection.fetch_optional(sql).await;
    found.expect("the extensions").is_some()
}

async fn run(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    let sql = AssertSqlSafe(sql.to_owned());
    connection.execute(sql).await.expect("the statement runs");
}

/// The application, whose drivers bind values.
async fn ask(url: &str, sql: &'static str, times: usize) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    for id in 1..=times {
        let query = sqlx::query(sql).bind(i32::try_from(id).expect("a small number"));
        query.fetch_all(&mut connection).await.expect("rows");
    }
}

fn as_role(url: &str, role: &str) -> String {
    let mut url = Url::parse(url).expect("a URL");
    url.set_username(role).expect("a role in the URL");
    url.into()
}

fn on(url: &str) -> Cli {
    Cli::new().env("TENANTCTL_DATABASE_URL", url)
}

#[test]
fn what_the_application_ran_is_found_with_its_calls() {
    let shared = CLUSTER.admin_url("postgres");
    if !block_on(|| statistics_are_installed(&shared)) {
        eprintln!("left out: the server programs come without pg_stat_statements");
        return;
    }
    let server = block_on(server_with_statistics);
    let owner = server.admin_url("postgres");
    let app = as_role(&owner, "app");
    block_on(|| async {
        run(&owner, SCHEMA).await;
        run(
            &owner,
            "CREATE EXTENSION pg_stat_statements; CREATE ROLE app LOGIN;
             GRANT SELECT, DELETE ON notes, organizations TO app;",
        )
        .await;
        ask(&app, "SELECT body FROM notes WHERE id = $1", 3).await;
        ask(&app, "SELECT id FROM notes WHERE organization_id IS NOT NULL AND id = $1 AND organization_id = gen_random_uuid()", 2).await;
        run(&app, "DELETE FROM notes WHERE id = 41").await;
        run(&app, "DELETE FROM notes WHERE id = 42").await;
    });

    let report = queries(&on(&owner), "pg_stat_statements");
    let of_notes = report["findings"].as_array().expect("findings").iter();
    let found: Vec<(&str, u64)> = of_notes
        .filter(|finding| {
            let facts = finding["evidence"]["facts"].to_string();
            finding["object"] == "public.notes" && facts.contains("WHERE id")
        })
        .map(|finding| {
            let check = finding["check"].as_str().expect("an id");
            (check, finding["evidence"]["count"].as_u64().expect("calls"))
        })
        .collect();
    let expected = [
        ("query-no-tenant-predicate", 3),
        ("query-unfiltered-write", 2),
    ];
    assert_eq!(found, expected, "{report:#}");
    assert!(
        !report.to_string().contains("IS NOT NULL AND"),
        "{report:#}"
    );

    // Somebody who may not see others' statements is told that there are some.
    let report = queries(&on(&as_role(&owner, "app")), "pg_stat_statements");
    let hidden = report["skipped"].to_string();
    assert!(hidden.contains("grant pg_read_all_stats"), "{report:#}");
}

/// The extension is there, its library is not loaded.
#[test]
fn an_extension_without_its_library_is_told() {
    let lab = Lab::new(SCHEMA);
    if !block_on(|| statistics_are_installed(&lab.db.url)) {
        eprintln!("left out: the server programs come without pg_stat_statements");
        return;
    }
    lab.run("CREATE EXTENSION pg_stat_statements");
    let stderr = lab
        .cli()
        .fails(7, &["audit", "queries", "--from", "pg_stat_statements"]);
    assert!(stderr.contains("shared_preload_libraries"), "{stderr}");
}
