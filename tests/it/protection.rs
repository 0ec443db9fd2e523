//! The intended database: which one is named, and what protects it from destruction.

use std::fs;

use tenantctl::config::Endpoint;

use crate::common::{Cli, TestDb, unique};

fn with_profile(db: &TestDb, more: &str) -> Cli {
    let cli = Cli::new();
    fs::create_dir_all(cli.config_file().parent().expect("a folder")).expect("it is made");
    let text = format!(
        "default_profile = 'shop'\n[profiles.shop]\ndatabase_url = {:?}\n{more}",
        db.url
    );
    fs::write(cli.config_file(), text).expect("the file is written");
    cli
}

/// Any application's shell has a DATABASE_URL.
#[test]
fn the_variable_of_other_programs_does_not_lead_away_from_the_profile() {
    let (ours, other) = (TestDb::new(), TestDb::new());
    other
        .cli()
        .ok(&["org", "create", "Victim", "--slug", "victim"]);
    let cli = with_profile(&ours, "protected = true\n").env("DATABASE_URL", &other.url);
    cli.fails(3, &["org", "delete", "victim", "--yes"]);
    assert_eq!(
        other.cli().json(&["org", "show", "victim"])["status"],
        "active"
    );
    let told = cli.run(&["-v", "org", "list"]).stderr;
    assert!(told.contains("DATABASE_URL is set, and ignored"), "{told}");

    // Where no profile is named, it is taken, and a change says so.
    let plain = Cli::new().env("DATABASE_URL", &other.url);
    let said = plain.run(&["org", "create", "Tide"]).stderr;
    assert!(said.contains("(DATABASE_URL)"), "{said}");
}

#[test]
fn two_names_of_a_database_are_refused() {
    let (ours, other) = (TestDb::new(), TestDb::new());
    let cli = with_profile(&ours, "").env("TENANTCTL_DATABASE_URL", &other.url);
    let told = cli.fails(2, &["--profile", "shop", "org", "list"]);
    assert!(told.contains("specify two databases"), "{told}");
    cli.ok(&["org", "create", "Tide"]);
    assert_eq!(other.cli().json(&["org", "show", "tide"])["slug"], "tide");
}

#[test]
fn a_change_names_its_database_once_and_a_read_does_not() {
    let db = TestDb::new();
    let cli = with_profile(&db, "");
    let said = cli
        .run(&["org", "create", "Harbor", "--slug", "harbor"])
        .stderr;
    assert_eq!(said.matches("database: ").count(), 1, "{said}");
    assert!(said.contains("(profile shop)"), "{said}");
    for quiet in [
        vec!["org", "list"],
        vec!["org", "show", "harbor"],
        vec!["--quiet", "org", "create", "Tide"],
        vec!["-o", "json", "org", "create", "Lake"],
    ] {
        let said = cli.run(&quiet).stderr;
        assert!(!said.contains("database: "), "{quiet:?}: {said}");
    }
}

#[test]
fn a_protected_database_wants_the_name_by_any_url() {
    let db = TestDb::new();
    let cli = with_profile(&db, "");
    cli.ok(&["org", "create", "Harbor", "--slug", "harbor"]);
    let protected = cli.json(&["db", "protect", "--label", "production"]);
    assert_eq!(protected["changed"], true);
    assert_eq!(cli.json(&["db", "status"])["protection"], "production");
    assert_eq!(
        cli.json(&["db", "protect", "--label", "production"])["changed"],
        false
    );
    let report = cli.run(&["doctor"]).stdout;
    assert!(
        report.contains("require --confirm (production)"),
        "{report}"
    );

    for by in [db.cli(), with_profile(&db, "")] {
        let refused = by.fails(5, &["org", "delete", "harbor", "--yes"]);
        assert!(
            refused.contains("the database is protected (production)"),
            "{refused}"
        );
        assert!(refused.contains("--confirm=harbor"), "{refused}");
        // The refusal says where it would have happened.
        let place = Endpoint::parse(&db.url.as_str().into())
            .expect("a URL")
            .place();
        assert!(refused.contains(&format!(", in {place} (")), "{refused}");
    }
    db.cli()
        .ok(&["org", "delete", "harbor", "--confirm=harbor"]);

    cli.fails(5, &["db", "unprotect"]);
    cli.fails(5, &["db", "unprotect", "--yes"]);
    cli.fails(5, &["db", "unprotect", "--confirm=shop"]);
    assert_eq!(
        cli.json(&["db", "unprotect", "--confirm=production"])["changed"],
        true
    );
    assert_eq!(cli.json(&["db", "unprotect"])["changed"], false);

    let log = cli.ok(&["activity", "list", "--platform", "-o", "csv"]);
    for action in ["database.protect", "database.unprotect"] {
        assert!(log.contains(action), "{log}");
    }
    cli.ok(&["activity", "verify", "--platform"]);
}

#[test]
fn protecting_is_the_operators_and_needs_the_schema() {
    let db = TestDb::new();
    let cli = db.cli();
    let email = "maria@harbor.example";
    cli.ok(&["user", "sign-up", "--email", email, "--name", "Maria"]);
    for verb in ["protect", "unprotect"] {
        cli.fails(5, &["db", verb, "--as", email]);
    }
    assert_eq!(cli.json(&["db", "protect", "--dry-run"])["changed"], true);
    assert!(cli.json(&["db", "status"])["protection"].is_null());

    let empty = TestDb::empty();
    let told = empty.cli().fails(7, &["db", "protect"]);
    assert!(told.contains("not migrated"), "{told}");
    assert!(empty.cli().json(&["db", "status"])["protection"].is_null());
}

#[tokio::test]
async fn the_tenant_role_cannot_touch_the_protection() {
    let db = TestDb::new();
    let role = unique("tenant");
    db.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT tenant_app TO {role}"
    ))
    .await;
    let granted: bool = db
        .scalar(&format!(
            "SELECT bool_or(has_table_privilege('{role}', 'database_protection', right_name))
               FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) right_name"
        ))
        .await;
    assert!(!granted);
}

#[test]
fn the_local_server_is_not_destroyed_when_it_is_protected_or_cannot_be_asked() {
    let cli = Cli::new();
    cli.ok(&["local", "start"]);
    cli.ok(&["--profile", "local", "db", "migrate"]);
    cli.ok(&["--profile", "local", "db", "protect"]);
    let refused = cli.fails(5, &["local", "destroy", "--yes"]);
    assert!(refused.contains("the database is protected"), "{refused}");
    cli.ok(&["local", "stop"]);
    let refused = cli.fails(5, &["local", "destroy", "--yes"]);
    assert!(
        refused.contains("could not read the protection"),
        "{refused}"
    );
    cli.ok(&["local", "destroy", "--confirm=local"]);
}
