//! `activity`: the log, and the chain that shows tampering.

use serde_json::{Value, json};

use crate::common::{Cli, Fixture, TestDb};

/// The entries of the two roles that every test database has (`db role`).
const ROLE_ENTRIES: u64 = 2;

/// An organization with five entries: its creation and four changes of the web chat.
fn harbor() -> (TestDb, Cli) {
    let db = TestDb::new();
    let cli = db.cli().env("TENANTCTL_ORG", "harbor");
    cli.ok(&[
        "org",
        "create",
        "Harbor Clinic",
        "--slug",
        "harbor",
        "--timezone",
        "Europe/Zurich",
    ]);
    for greeting in ["one", "two", "three", "four"] {
        cli.ok(&["channel", "set", "web", &format!("greeting={greeting}")]);
    }
    (db, cli)
}

fn sequences(entries: &Value) -> Vec<i64> {
    let entries = entries.as_array().expect("a list").iter();
    entries
        .map(|entry| entry["sequence"].as_i64().expect("a number"))
        .collect()
}

#[test]
fn who_did_what_when_with_before_and_after() {
    let (_db, cli) = harbor();
    let entry = cli.json(&["activity", "show", "3"]);
    assert_eq!(entry["actor"], "operator:tester");
    assert_eq!(entry["action"], "channel.update");
    assert_eq!(
        (&entry["object_type"], &entry["object_id"]),
        (&json!("channel"), &json!("web"))
    );
    assert_eq!(entry["before"]["settings"]["greeting"], "one");
    assert_eq!(entry["after"]["settings"]["greeting"], "two");
    assert_eq!(
        entry["hash"],
        cli.json(&["activity", "show", "4"])["previous_hash"]
    );
    assert!(entry["occurred_at"].as_str().unwrap().ends_with('Z'));

    let person = cli.ok(&["activity", "show", "3"]);
    assert!(
        person.contains("\n-  greeting: one\n-version: 2\n+  greeting: two\n"),
        "{person}"
    );
    assert!(
        person.contains(" CET\n") || person.contains(" CEST\n"),
        "{person}"
    );
    let told = cli.fails(3, &["activity", "show", "6"]);
    assert!(told.contains("activity list --org harbor"), "{told}");
    let told = cli.fails(3, &["activity", "show", "6", "--platform"]);
    assert!(told.contains("activity list --platform"), "{told}");
    for wrong in [&["show", "abc"][..], &["list", "--limit", "-1"]] {
        let told = cli.fails(2, &[&["activity"], wrong].concat());
        assert!(told.contains("not a positive whole number"), "{told}");
    }
    cli.fails(2, &["activity", "show", "0"]);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let (db, cli) = harbor();
    cli.ok(&["channel", "enable", "retell", "--actor", "Night_Shift"]);
    cli.ok(&["agent", "system", "set", "whatsapp_instructions", "W."]);
    // The entry's own time is part of its hash; for a filter it may be moved.
    db.execute("UPDATE activity_log SET occurred_at = '2020-01-01T12:00:00Z' WHERE sequence = 2")
        .await;
    let list = |args: &[&str]| sequences(&cli.json(&[&["activity", "list"], args].concat()));
    assert_eq!(list(&[]), [6, 5, 4, 3, 2, 1]);
    assert_eq!(list(&["--actor", "night_"]), [6]);
    assert_eq!(list(&["--actor", "nightX"]), [] as [i64; 0]);
    assert_eq!(list(&["--action", "channel"]), [6, 5, 4, 3, 2]);
    assert_eq!(list(&["--action", "organization.create"]), [1]);
    assert_eq!(list(&["--action", "chan"]), [] as [i64; 0]);
    assert_eq!(list(&["--object", "retell"]), [6]);
    assert_eq!(
        list(&["--since", "2020-01-01", "--until", "2020-01-02"]),
        [2]
    );
    assert_eq!(list(&["--until", "2020-01-01T12:00:00Z"]), [] as [i64; 0]);
    assert_eq!(
        list(&["--since", "2020-01-01T13:00:00+01:00", "--object", "web"]),
        [5, 4, 3, 2]
    );
    assert_eq!(list(&["--platform"]), [3, 2, 1]);
    cli.fails(
        2,
        &[
            "activity",
            "list",
            "--since",
            "2020-01-02",
            "--until",
            "2020-01-01",
        ],
    );
    cli.fails(2, &["activity", "list", "--since", "yesterday"]);
    cli.fails(2, &["activity", "list", "--platform", "--org", "harbor"]);
}

#[test]
fn a_long_list_says_that_there_is_more() {
    let (_db, cli) = harbor();
    let cut = cli.run(&["activity", "list", "--limit", "2", "-o", "ndjson"]);
    assert_eq!(cut.stdout.lines().count(), 2);
    assert!(
        cut.stderr.contains("more available: use --all"),
        "{}",
        cut.stderr
    );
    let all = cli.run(&["activity", "list", "--all", "-o", "csv"]);
    assert_eq!(all.stdout.lines().count(), 6);
    assert_eq!(all.stderr, "");
}

#[test]
fn an_untouched_log_verifies_and_gives_its_last_hash() {
    let (_db, cli) = harbor();
    let verdict = cli.json(&["activity", "verify"]);
    let last = cli.json(&["activity", "show", "5"]);
    assert_eq!(verdict["last_hash"], last["hash"]);
    assert_eq!(
        (&verdict["intact"], &verdict["entries"], &verdict["broken"]),
        (&json!(true), &json!(5), &Value::Null)
    );
    assert_eq!(
        cli.json(&["activity", "verify", "--platform"])["entries"],
        ROLE_ENTRIES
    );
}

/// What somebody with the rights of the tables' owner could do, the entry that `verify` has to
/// name, and a part of what it has to say.
const TAMPERING: [(&str, i64, &str); 12] = [
    (
        "UPDATE activity_log SET actor = 'operator:somebody' WHERE sequence = 3",
        3,
        "edited",
    ),
    (
        r#"UPDATE activity_log SET after = jsonb_set(after, '{settings,greeting}', '"x"') WHERE sequence = 2"#,
        2,
        "edited",
    ),
    (
        "UPDATE activity_log SET before = NULL WHERE sequence = 4",
        4,
        "edited",
    ),
    (
        "UPDATE activity_log SET occurred_at = occurred_at - interval '1 hour' WHERE sequence = 1",
        1,
        "edited",
    ),
    (
        "DELETE FROM activity_log WHERE sequence = 3",
        3,
        "entries 3 to 3 are missing",
    ),
    (
        "DELETE FROM activity_log WHERE sequence = 1",
        1,
        "entries 1 to 1 are missing",
    ),
    (
        "DELETE FROM activity_log WHERE sequence IN (3, 4)",
        3,
        "entries 3 to 4 are missing",
    ),
    (
        "DELETE FROM activity_log WHERE sequence = 5",
        5,
        "missing at the end: there were 5, 4 are left",
    ),
    (
        "DELETE FROM activity_log",
        1,
        "missing at the end: there were 5, 0 are left",
    ),
    (
        "UPDATE activity_log SET sequence = -sequence WHERE sequence IN (2, 3);
         UPDATE activity_log SET sequence = 5 + sequence WHERE sequence < 0",
        2,
        "does not continue",
    ),
    (
        "UPDATE activity_chains SET last_hash = sha256('x')",
        5,
        "not the one that the head of the chain names",
    ),
    (
        "UPDATE activity_chains SET last_sequence = 4",
        5,
        "ends at 4",
    ),
];

#[tokio::test]
async fn every_way_of_tampering_is_found_and_the_entry_named() {
    let (db, cli) = harbor();
    db.execute("CREATE TABLE kept_log AS TABLE activity_log; CREATE TABLE kept_chains AS TABLE activity_chains")
        .await;
    for (tampering, sequence, what) in TAMPERING {
        db.execute(tampering).await;
        let outcome = cli.run(&["activity", "verify", "-o", "json"]);
        assert_eq!(outcome.code, 10, "{tampering}: {}", outcome.stdout);
        let verdict: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(verdict["intact"], false, "{tampering}");
        assert_eq!(
            verdict["broken"]["sequence"], sequence,
            "{tampering}: {verdict}"
        );
        let said = verdict["broken"]["what"].as_str().unwrap();
        assert!(said.contains(what), "{tampering}: {said}");
        let error: Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(error["code"], "finding");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("of harbor is broken at entry"),
            "{error}"
        );

        db.execute(
            "DELETE FROM activity_log; INSERT INTO activity_log SELECT * FROM kept_log;
             DELETE FROM activity_chains; INSERT INTO activity_chains SELECT * FROM kept_chains",
        )
        .await;
        cli.ok(&["activity", "verify"]);
    }
    db.execute("DELETE FROM activity_chains").await;
    let told = cli.fails(10, &["activity", "verify"]);
    assert!(told.contains("the head of the chain is missing"), "{told}");
}

#[tokio::test]
async fn the_platforms_own_chain_is_verified_too() {
    let (db, cli) = harbor();
    for text in ["one", "two", "three"] {
        cli.ok(&["agent", "system", "set", "whatsapp_instructions", text]);
    }
    assert_eq!(
        cli.json(&["activity", "verify", "--platform"])["entries"],
        3 + ROLE_ENTRIES
    );
    db.execute("DELETE FROM platform_activity_log WHERE sequence = 2")
        .await;
    let told = cli.fails(10, &["activity", "verify", "--platform"]);
    assert!(
        told.contains("of the platform is broken at entry 2: entries 2 to 2 are missing"),
        "{told}"
    );
    cli.ok(&["activity", "verify"]);
}

#[tokio::test]
async fn all_organizations_are_verified_in_one_go() {
    let fixture = Fixture::new().await;
    let cli = fixture.db.cli();
    let all = ["activity", "verify", "--all-organizations"];
    let verdicts = cli.json(&all);
    let verdicts = verdicts.as_array().unwrap();
    assert!(
        verdicts.iter().all(|verdict| verdict["intact"] == true),
        "{verdicts:?}"
    );
    let organizations: i64 = fixture
        .db
        .scalar("SELECT count(*) FROM organizations")
        .await;
    assert_eq!(
        verdicts.len() as i64,
        organizations + 1,
        "each of them, and the platform"
    );

    fixture
        .db
        .execute(
            "UPDATE activity_log SET actor = 'x' WHERE sequence = 1 AND organization_id IN
                 (SELECT id FROM organizations WHERE slug IN ('alpha', 'beta'))",
        )
        .await;
    let outcome = cli.run(&all);
    assert_eq!(outcome.code, 10);
    let broken = outcome
        .stdout
        .lines()
        .filter(|line| line.contains("broken"));
    assert_eq!(broken.count(), 2, "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("log of alpha is broken at entry 1"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("(and 1 more)"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn rights_decide_who_reads_the_log() {
    let fixture = Fixture::new().await;
    let cli = fixture.db.cli().env("TENANTCTL_ORG", "alpha");
    cli.ok(&["activity", "list", "--as", "owner@alpha.example"]);
    cli.ok(&["activity", "verify", "--as", "owner@alpha.example"]);
    for verb in [&["list"][..], &["show", "1"], &["verify"]] {
        let told = cli.fails(
            5,
            &[&["activity"], verb, &["--as", "staff@alpha.example"]].concat(),
        );
        assert!(told.contains("activity.read"), "{told}");
        cli.fails(
            3,
            &[&["activity"], verb, &["--as", "owner@beta.example"]].concat(),
        );
        let platform = [
            &["activity"],
            verb,
            &["--platform", "--as", "owner@alpha.example"],
        ]
        .concat();
        cli.fails(5, &platform);
    }
    cli.fails(
        5,
        &[
            "activity",
            "verify",
            "--all-organizations",
            "--as",
            "owner@alpha.example",
        ],
    );
}
