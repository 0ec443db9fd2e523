//! `db migrate` and `db status`: databases that are new, shared, foreign, newer, and not a
//! superuser's.

use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use tenantctl::local::EphemeralCluster;

use crate::common::{Cli, TestDb, race, token_of, unique};

/// The same database as another role.
fn url_as(role: &str, admin_url: &str) -> String {
    let url = admin_url.replacen("//postgres@", &format!("//{role}@"), 1);
    assert_ne!(url, admin_url, "the URL of the superuser names it");
    url
}

fn cli_as(role: &str, admin_url: &str) -> Cli {
    Cli::new().env("TENANTCTL_DATABASE_URL", &url_as(role, admin_url))
}

fn applied(outcome: &Value) -> usize {
    outcome["applied"].as_array().expect("a list").len()
}

fn states(status: &Value) -> Vec<&str> {
    let migrations = status["migrations"].as_array().expect("a list");
    migrations
        .iter()
        .map(|migration| migration["state"].as_str().expect("a state"))
        .collect()
}

async fn relation_exists(db: &TestDb, name: &str) -> bool {
    db.scalar(&format!("SELECT to_regclass('{name}') IS NOT NULL"))
        .await
}

#[test]
fn a_new_database_is_migrated_once() {
    // Makes the role tenant_app, which this cluster then has already.
    TestDb::new();
    let cli = TestDb::empty().cli();
    let status = cli.json(&["db", "status"]);
    assert_eq!(status["state"], "empty");
    assert!(states(&status).iter().all(|state| *state == "pending"));
    cli.fails(7, &["db", "status", "--check"]);
    cli.fails(7, &["org", "list"]);

    let first = cli.json(&["db", "migrate"]);
    assert_eq!(applied(&first), states(&status).len());
    let again = cli.run(&["db", "migrate"]);
    assert_eq!(again.code, 0);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);

    cli.ok(&["db", "status", "--check"]);
    assert_eq!(cli.json(&["db", "status"])["state"], "current");
    cli.ok(&["org", "list"]);
}

#[tokio::test]
async fn a_rehearsal_applies_everything_and_keeps_nothing() {
    let db = TestDb::empty();
    let cli = db.cli();
    let rehearsed = cli.json(&["db", "migrate", "--dry-run"]);
    assert!(applied(&rehearsed) > 0);
    let tables = rehearsed["dry_run"].as_array().expect("a list");
    assert!(
        tables
            .iter()
            .any(|table| table["table"] == "_sqlx_migrations"),
        "{tables:?}"
    );
    assert_eq!(cli.json(&["db", "status"])["state"], "empty");
    assert!(!relation_exists(&db, "organizations").await);
    assert!(!relation_exists(&db, "_sqlx_migrations").await);
}

#[test]
fn several_at_once_share_the_work_without_an_error() {
    let db = TestDb::empty();
    let cli = db.cli();
    let gate = "SELECT pg_advisory_xact_lock(hashtext('tenantctl db migrate'))";
    let outcomes = race(&db, &cli, gate, &["db migrate -o json"; 4]);
    let mut counts: Vec<usize> = outcomes
        .iter()
        .map(|outcome| {
            assert_eq!(outcome.code, 0, "{}", outcome.stderr);
            applied(&serde_json::from_str(&outcome.stdout).expect("JSON"))
        })
        .collect();
    counts.sort_unstable();
    let all = states(&cli.json(&["db", "status"])).len();
    assert_eq!(counts, [0, 0, 0, all]);
}

#[tokio::test]
async fn tables_of_somebody_else_are_named_and_not_touched() {
    let db = TestDb::empty();
    db.execute("CREATE TABLE users (login text); INSERT INTO users VALUES ('ada')")
        .await;
    db.execute("CREATE VIEW organizations AS SELECT login FROM users")
        .await;
    let cli = db.cli();
    let stderr = cli.fails(4, &["db", "migrate"]);
    assert!(stderr.contains("organizations, users"), "{stderr}");
    assert!(stderr.contains("createdb"), "{stderr}");

    let status = cli.json(&["db", "status"]);
    assert_eq!(status["state"], "foreign");
    assert_eq!(
        status["conflicting_tables"],
        serde_json::json!(["organizations", "users"])
    );
    for command in [&["db", "status", "--check"][..], &["org", "list"]] {
        let stderr = cli.fails(7, command);
        assert!(stderr.contains("organizations, users"), "{stderr}");
        assert!(!stderr.contains("db migrate"), "{stderr}");
    }

    assert!(!relation_exists(&db, "_sqlx_migrations").await);
    assert!(!relation_exists(&db, "activity_log").await);
    let login: String = db.scalar("SELECT login FROM users").await;
    assert_eq!(login, "ada");
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_every_command() {
    let db = TestDb::new();
    db.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', true, '\\x00', 0)",
    )
    .await;
    let cli = db.cli();
    for command in [["db", "migrate"], ["org", "list"]] {
        let stderr = cli.fails(7, &command);
        assert!(stderr.contains("version 9999"), "{stderr}");
        assert!(stderr.contains("newer"), "{stderr}");
    }
    let status = cli.json(&["db", "status"]);
    assert_eq!(status["state"], "newer");
    assert_eq!(states(&status).last(), Some(&"unknown"));
    cli.fails(7, &["db", "status", "--check"]);
}

#[tokio::test]
async fn a_migration_with_other_contents_is_found_and_not_migrated_over() {
    let db = TestDb::new();
    db.execute("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2")
        .await;
    let cli = db.cli();
    assert_eq!(cli.json(&["db", "status"])["state"], "changed");
    cli.fails(7, &["db", "status", "--check"]);
    let (code, stdout) = {
        let outcome = cli.run(&["doctor", "-o", "json"]);
        (outcome.code, outcome.stdout)
    };
    assert_eq!(code, 7);
    assert!(stdout.contains("other contents"), "{stdout}");
    let stderr = cli.fails(4, &["db", "migrate"]);
    assert!(stderr.contains("migration 2 "), "{stderr}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_of_itself() {
    let db = TestDb::empty();
    // Not a table of ours, but a name that a migration needs.
    db.execute("CREATE FUNCTION app_organization_id() RETURNS uuid LANGUAGE sql RETURN NULL::uuid")
        .await;
    let stderr = db.cli().fails(1, &["db", "migrate"]);
    assert!(stderr.contains("was rolled back"), "{stderr}");
    assert!(stderr.contains("app_organization_id"), "{stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");
    assert!(!relation_exists(&db, "_sqlx_migrations").await);
}

#[tokio::test]
async fn a_role_that_may_create_roles_migrates_a_new_cluster_and_works_there() {
    // A cluster of its own, because tenant_app must not exist yet.
    let cluster = EphemeralCluster::start().await.expect("a cluster");
    let url = cluster.admin_url("postgres");
    let mut admin = PgConnection::connect(&url).await.expect("a connection");
    admin
        .execute(
            "CREATE ROLE ops LOGIN CREATEROLE; GRANT CREATE, USAGE ON SCHEMA public TO ops;
             GRANT CREATE ON DATABASE postgres TO ops",
        )
        .await
        .expect("the role is made");
    let cli = cli_as("ops", &url);
    cli.ok(&["db", "migrate"]);
    play_the_main_scenario(&cli);

    let flags: (bool, bool, bool) = sqlx::query_as(
        "SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = 'tenant_app'",
    )
    .fetch_one(&mut admin)
    .await
    .expect("the role tenant_app");
    assert_eq!(flags, (false, false, false));
}

#[tokio::test]
async fn a_member_of_a_tenant_app_made_beforehand_needs_no_other_right() {
    // Makes the role tenant_app.
    TestDb::new();
    let db = TestDb::empty();
    let role = unique("member_of_tenant_app");
    db.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT tenant_app TO {role}; CREATE EXTENSION btree_gist;
         GRANT CREATE, USAGE ON SCHEMA public TO {role}"
    ))
    .await;
    let cli = cli_as(&role, &db.url);
    cli.ok(&["db", "migrate"]);
    play_the_main_scenario(&cli);
}

#[tokio::test]
async fn missing_rights_are_named_and_the_hints_give_them() {
    // Makes the role tenant_app.
    TestDb::new();
    let db = TestDb::empty();
    let role = unique("bare");
    db.execute(&format!("CREATE ROLE {role} LOGIN")).await;
    let cli = cli_as(&role, &db.url);
    let stderr = cli.fails(5, &["db", "migrate"]);
    assert!(stderr.contains("CREATE on schema"), "{stderr}");
    assert!(stderr.contains("membership in tenant_app"), "{stderr}");
    assert!(stderr.contains("the extension btree_gist"), "{stderr}");
    assert!(!relation_exists(&db, "_sqlx_migrations").await);

    let remedies: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.split_once("as an administrator: "))
        .map(|(_, statement)| statement)
        .collect();
    assert_eq!(remedies.len(), 3, "{stderr}");
    for statement in remedies {
        db.execute(statement).await;
    }
    cli.ok(&["db", "migrate"]);
}

#[test]
fn migrating_is_not_a_users_business() {
    let db = TestDb::new();
    let stderr = db
        .cli()
        .fails(5, &["db", "migrate", "--as", "ada@alpha.example"]);
    assert!(stderr.contains("operator"), "{stderr}");
}

#[test]
fn hints_lead_to_the_database_that_the_flags_named() {
    let db = TestDb::empty();
    let cli = Cli::new();
    let stderr = cli.fails(7, &["--database-url", &db.url, "org", "list"]);
    let hint = stderr
        .lines()
        .find_map(|line| line.strip_prefix("hint: run: "))
        .unwrap_or_else(|| panic!("a command in {stderr}"));
    assert!(hint.starts_with("tenantctl "), "{hint}");
    let words = shell_words::split(hint).expect("a command that a shell reads");
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    cli.ok(&arguments);
    cli.ok(&["--database-url", &db.url, "org", "list"]);
}

/// Organization, invitation, acceptance, channel, activity and purge.
fn play_the_main_scenario(cli: &Cli) {
    let sign_up = |email| {
        cli.ok(&["user", "sign-up", "--email", email, "--name", "Somebody"]);
    };
    sign_up("maria@harbor.example");
    sign_up("sam@harbor.example");
    cli.ok(&[
        "org",
        "create",
        "Harbor Clinic",
        "--slug",
        "harbor",
        "--owner",
        "maria@harbor.example",
    ]);
    let issued = cli.json(&[
        "--org",
        "harbor",
        "--as",
        "maria@harbor.example",
        "invite",
        "create",
        "sam@harbor.example",
        "--role",
        "admin",
    ]);
    let token = token_of(&issued["invited"][0]);
    cli.ok(&["invite", "accept", &token, "--email", "sam@harbor.example"]);
    cli.ok(&[
        "--org",
        "harbor",
        "--as",
        "sam@harbor.example",
        "channel",
        "set",
        "web",
        "greeting=Hello",
    ]);
    cli.ok(&["--org", "harbor", "activity", "verify"]);
    let shown = cli.json(&["org", "show", "harbor"]);
    assert_eq!(
        shown["members"].as_array().map(Vec::len),
        Some(2),
        "{shown}"
    );
    cli.ok(&["org", "delete", "harbor", "--yes"]);
    cli.ok(&["org", "purge", "harbor", "--now", "--yes"]);
    cli.fails(3, &["org", "show", "harbor"]);
}
