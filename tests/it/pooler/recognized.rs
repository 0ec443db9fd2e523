//! A pooler is recognized, and what goes wrong because of one says so.

use sqlx::{Connection, Executor, PgConnection};
use tenantctl::db::{ConnectSettings, Database, PlatformConn, organizations};

use crate::common::{Bouncer, Clinic, TestDb, settings};

/// Passes over what it does not know, so that it does not show by refusing.
const SILENT: &str = "ignore_startup_parameters = extra_float_digits,options";

#[test]
fn doctor_tells_of_a_pooler_whether_it_is_recognized_or_named() {
    let db = TestDb::new();
    let told = |cli: &crate::common::Cli| {
        let report = cli.json(&["doctor"]);
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "pooler");
        check.unwrap()["message"].as_str().unwrap().to_owned()
    };
    assert!(told(&db.cli()).starts_with("none"));
    let refusing = Bouncer::start(&db, 2, "");
    assert!(told(&refusing.cli()).starts_with("connected through a pooler"));
    let silent = Bouncer::start(&db, 2, SILENT);
    assert!(told(&silent.cli()).starts_with("connected through a pooler"));

    let cli = silent.cli();
    let file = cli.config_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "[database]\npooled = true\n").unwrap();
    assert!(told(&cli).starts_with("connected through a pooler"));
    // A profile knows better.
    let url = silent.url();
    let profile = format!(
        "[database]\npooled = true\n[profiles.p]\ndatabase_url = '{url}'\npooled = false\n"
    );
    let cli = crate::common::Cli::new();
    let file = cli.config_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, profile).unwrap();
    let report = cli.json(&["doctor", "--profile", "p"]);
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "pooler");
    assert!(
        check.unwrap()["message"]
            .as_str()
            .unwrap()
            .starts_with("none")
    );
}

#[test]
fn an_audit_names_the_way_around_the_pooler() {
    let clinic = Clinic::new();
    let bouncer = Bouncer::start(&clinic.db, 2, "");
    let told = bouncer.cli().fails(5, &["audit"]);
    assert!(
        told.contains("connection pooler") && told.contains("--database-url"),
        "{told}"
    );
}

#[test]
fn options_of_the_operators_own_are_not_dropped_in_silence() {
    let db = TestDb::new();
    let bouncer = Bouncer::start(&db, 2, "");
    let url = format!("{}&options=-csearch_path%3Dother", bouncer.url());
    let told = bouncer
        .cli()
        .env("TENANTCTL_DATABASE_URL", &url)
        .fails(7, &["org", "list"]);
    assert!(
        told.contains("pooler") && told.contains("`options`"),
        "{told}"
    );
}

/// Told that there is none, the client meets the statements of others; the error names the setting.
#[tokio::test]
async fn what_goes_wrong_unrecognized_names_the_setting() {
    let db = TestDb::new();
    let bouncer = Bouncer::start(&db, 1, SILENT);
    // Somebody else's statement, under the name that the driver gives its first.
    let mut other = PgConnection::connect(&db.url).await.unwrap();
    other.execute("SELECT 1").await.unwrap();
    let unaware = ConnectSettings {
        pooled: Some(false),
        ..settings(&bouncer.url())
    };
    let mut told = Vec::new();
    for _ in 0..2 {
        let database = Database::connect(&unaware).await.unwrap();
        let mut conn = PlatformConn::open(&database).unwrap();
        if let Err(error) = organizations::find_by_slug(&mut conn, "nobody").await {
            told.push(error);
        }
    }
    let error = told.pop().expect("the second meets the name of the first");
    assert!(error.to_string().contains("pooler"), "{error}");
    assert!(
        error
            .hints()
            .iter()
            .any(|hint| hint.to_string().contains("pooled"))
    );
}
