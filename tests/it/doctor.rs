//! `doctor`: what is wrong is found, named, and mended by the remedy.

use serde_json::Value;

use crate::common::{Cli, Outcome, TestDb, as_role, unique};

/// Runs it; gives the exit code and the checks.
fn examine(cli: &Cli) -> (i32, Value) {
    let Outcome {
        code,
        stdout,
        stderr,
    } = cli.run(&["doctor", "-o", "json"]);
    let report = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    (code, report)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("a list");
    checks
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("{name} in {report}"))
}

fn state<'a>(report: &'a Value, name: &str) -> &'a str {
    check(report, name)["state"].as_str().expect("a state")
}

fn remedy<'a>(report: &'a Value, name: &str) -> &'a str {
    check(report, name)["remedy"].as_str().expect("a remedy")
}

#[test]
fn a_migrated_database_is_healthy_and_what_deserves_a_look_is_a_warning() {
    let (code, report) = examine(&TestDb::new().cli());
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["healthy"], true);
    for name in [
        "config_file",
        "secret_files",
        "database_named",
        "connection",
        "server_version",
        "encryption",
        "clock",
        "rights",
        "migrations",
        "table_owner",
        "tenant_app",
        "tenant_scope",
        "row_level_security",
    ] {
        assert_eq!(state(&report, name), "ok", "{name}");
    }
    assert_eq!(state(&report, "role_flags"), "warning", "a superuser");
    for (name, part) in [
        ("serving_role", "tenantctl db role server --create"),
        ("temporary_tables", "REVOKE TEMPORARY"),
    ] {
        assert_eq!(state(&report, name), "warning", "{name}");
        assert!(remedy(&report, name).contains(part), "{report}");
    }
    assert_eq!(
        state(&report, "invitation_link"),
        "warning",
        "the example's"
    );
}

#[tokio::test]
async fn a_role_for_the_server_is_looked_at_and_temporary_tables_can_go() {
    let db = TestDb::new();
    let as_server = |role| {
        let url = as_role(&db.url, role);
        examine(&db.cli().env("TENANTCTL_TENANT_URL", &url))
    };
    let (code, report) = as_server("tenantctl_server");
    assert_eq!((code, state(&report, "serving_role")), (0, "ok"));
    let (_, report) = as_server("tenantctl_tenant");
    assert_eq!(state(&report, "serving_role"), "failed");
    let (_, statements) = remedy(&report, "temporary_tables")
        .split_once(": ")
        .expect("statements");
    db.execute(statements).await;
    let (_, report) = as_server("tenantctl_server");
    assert_eq!(state(&report, "temporary_tables"), "ok");
}

#[test]
fn a_database_that_is_not_migrated_fails_and_what_depends_on_it_is_skipped() {
    let (code, report) = examine(&TestDb::empty().cli());
    assert_eq!(code, 7);
    assert_eq!(state(&report, "migrations"), "failed");
    assert_eq!(remedy(&report, "migrations"), "tenantctl db migrate");
    for name in ["table_owner", "tenant_scope", "row_level_security"] {
        assert_eq!(state(&report, name), "skipped", "{name}");
    }
}

#[test]
fn a_server_that_does_not_answer_fails_without_a_pass_for_anything_behind_it() {
    let cli = Cli::new().env(
        "TENANTCTL_DATABASE_URL",
        "postgres://ops:hunter2@127.0.0.1:1/app",
    );
    let (code, report) = examine(&cli);
    assert_eq!(code, 7);
    assert_eq!(state(&report, "connection"), "failed");
    assert_eq!(state(&report, "server"), "skipped");
    assert_eq!(state(&report, "schema"), "skipped");
    assert!(!report.to_string().contains("hunter2"));
}

#[test]
fn no_database_is_a_failure_of_the_database_and_a_broken_file_is_not() {
    let (code, report) = examine(&Cli::new());
    assert_eq!((code, state(&report, "database_named")), (7, "failed"));

    let cli = Cli::new();
    let file = cli.home().join("broken.toml");
    std::fs::write(&file, "[output]\npage_sise = 3\n").expect("the file is written");
    let cli = cli.env("TENANTCTL_CONFIG", file.to_str().expect("UTF-8"));
    let (code, report) = examine(&cli);
    assert_eq!(code, 1, "{report}");
    assert_eq!(state(&report, "config_file"), "failed");
    assert_eq!(state(&report, "database_named"), "skipped");
}

#[test]
fn a_local_cluster_that_is_not_there_is_said_with_the_way_to_it() {
    let cli = Cli::new().env("TENANTCTL_PROFILE", "local");
    let (code, report) = examine(&cli);
    assert_eq!(code, 7);
    assert_eq!(remedy(&report, "database_named"), "tenantctl local start");
}

#[tokio::test]
async fn a_table_without_row_level_security_is_found_and_the_remedy_switches_it_on() {
    let db = TestDb::new();
    db.execute("ALTER TABLE channel_configurations DISABLE ROW LEVEL SECURITY")
        .await;
    let (code, report) = examine(&db.cli());
    assert_eq!(code, 7);
    assert_eq!(state(&report, "row_level_security"), "failed");
    db.execute(remedy(&report, "row_level_security")).await;
    let (code, report) = examine(&db.cli());
    assert_eq!((code, state(&report, "row_level_security")), (0, "ok"));
}

#[tokio::test]
async fn a_role_that_cannot_become_tenant_app_is_found_and_the_remedy_lets_it() {
    let db = TestDb::new();
    let role = unique("outsider");
    db.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON _sqlx_migrations TO {role}"
    ))
    .await;
    let url = db.url.replacen("//postgres@", &format!("//{role}@"), 1);
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    let (code, report) = examine(&cli);
    assert_eq!(code, 7);
    assert_eq!(state(&report, "tenant_scope"), "failed");
    assert_eq!(
        state(&report, "rights"),
        "warning",
        "it need not migrate now"
    );
    assert_eq!(state(&report, "table_owner"), "warning");
    assert_eq!(state(&report, "role_flags"), "ok");

    let (_, statement) = remedy(&report, "tenant_scope")
        .split_once("as an administrator: ")
        .expect("a statement");
    db.execute(statement).await;
    let (code, report) = examine(&cli);
    assert_eq!((code, state(&report, "tenant_scope")), (0, "ok"));
}

#[test]
fn a_person_reads_what_to_do_below_the_table() {
    let outcome = TestDb::empty().cli().run(&["doctor"]);
    let (table, remedies) = outcome.stdout.split_once("What to do").expect("a heading");
    assert!(table.contains("failed   migrations"), "{table}");
    assert!(
        remedies.contains("migrations\n  tenantctl db migrate"),
        "{remedies}"
    );
    assert!(
        outcome.stderr.contains("checks failed: migrations"),
        "{}",
        outcome.stderr
    );
}
