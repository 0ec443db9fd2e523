//! Identities belong to one organization on the platform: who claims, who decides, and what a tenant learns.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantctl::{
    domain::{Role, channel::identity::ClaimPolicy},
    services::members,
};
use tokio::sync::Barrier;

use crate::common::{Cli, Fixture, TestDb, user};

const NUMBER: &str = "+41443643532";

/// Two organizations, each with an admin of its own.
async fn two() -> (Fixture, Cli) {
    let fixture = Fixture::new().await;
    for (organization, slug) in [(&fixture.a, "alpha"), (&fixture.b, "beta")] {
        let admin = user(&fixture.session, &format!("admin@{slug}.example")).await;
        members::add(
            &fixture.session,
            organization.id,
            &admin.email,
            Role::Admin,
            false,
        )
        .await
        .unwrap();
    }
    let cli = fixture.db.cli();
    (fixture, cli)
}

fn set<'a>(slug: &'a str, pair: &'a str) -> Vec<&'a str> {
    vec!["channel", "set", "twilio_realtime", pair, "--org", slug]
}

fn as_admin<'a>(slug: &'a str, pair: &'a str) -> Vec<&'a str> {
    let email = match slug {
        "alpha" => "admin@alpha.example",
        _ => "admin@beta.example",
    };
    [&set(slug, pair)[..], &["--as", email]].concat()
}

fn decide<'a>(verb: &'a str, slug: &'a str) -> Vec<&'a str> {
    vec![
        "channel",
        "claim",
        verb,
        "phone_number",
        NUMBER,
        "--org",
        slug,
    ]
}

fn status(cli: &Cli, slug: &str) -> Value {
    let shown = cli.json(&["channel", "show", "twilio_realtime", "--org", slug]);
    shown["claims"][0]["status"].clone()
}

#[tokio::test]
async fn an_operator_is_told_who_holds_an_identity_and_a_tenant_is_not() {
    let (_fixture, cli) = two().await;
    let pair = format!("phone_numbers={NUMBER}");
    cli.ok(&set("alpha", &pair));
    assert_eq!(status(&cli, "alpha"), "granted");
    let told = cli.fails(4, &set("beta", "phone_numbers=+41 44 364 35 32"));
    assert!(told.contains("belongs to organization alpha"), "{told}");
    assert!(
        told.contains("channel claim release phone_number"),
        "{told}"
    );
    // The same words whatever became of the holder.
    let words = cli.fails(4, &as_admin("beta", &pair));
    assert!(words.contains("not available"), "{words}");
    assert!(!words.contains("alpha"), "{words}");
    cli.ok(&["channel", "disable", "twilio_realtime", "--org", "alpha"]);
    assert_eq!(cli.fails(4, &as_admin("beta", &pair)), words);
    cli.ok(&["org", "suspend", "alpha", "--yes"]);
    assert_eq!(cli.fails(4, &as_admin("beta", &pair)), words);
    let shown = cli.json(&["channel", "show", "twilio_realtime", "--org", "beta"]);
    assert_eq!(
        shown["settings"]["phone_numbers"],
        json!([]),
        "nothing is kept"
    );
    assert_eq!(shown["claims"], json!([]));
}

#[tokio::test]
async fn a_tenants_claim_waits_and_routes_nothing_and_blocks_nothing() {
    let (fixture, cli) = two().await;
    let pair = format!("phone_numbers={NUMBER}");
    // Both may claim what neither holds, and neither learns of the other.
    for slug in ["alpha", "beta"] {
        let told = cli.run(&as_admin(slug, &pair));
        assert_eq!(told.code, 0, "{}", told.stderr);
        assert!(
            told.stderr.contains("waits for the operator"),
            "{}",
            told.stderr
        );
        assert_eq!(status(&cli, slug), "pending");
    }
    let list = |more: &[&str]| -> Vec<Value> {
        let list = ["channel", "claim", "list", "--kind", "phone_number"];
        let listed = cli.json(&[&list[..], more].concat());
        listed.as_array().unwrap().clone()
    };
    assert_eq!(list(&["--status", "pending"]).len(), 2);
    assert_eq!(list(&["--of", "beta"]).len(), 1);
    assert_eq!(list(&["--status", "granted"]).len(), 0);
    cli.ok(&[&decide("approve", "alpha")[..], &["--dry-run"]].concat());
    assert_eq!(status(&cli, "alpha"), "pending");
    cli.ok(&decide("approve", "alpha"));
    assert_eq!(status(&cli, "alpha"), "granted");
    cli.ok(&decide("approve", "alpha"));
    let told = cli.fails(4, &decide("approve", "beta"));
    assert!(told.contains("belongs to organization alpha"), "{told}");
    let of_beta = list(&["--of", "beta"]);
    assert_eq!(of_beta[0]["held_by"], "alpha");
    let doctor = cli.json(&["doctor"]).to_string();
    assert!(
        doctor.contains("1 of them to one that another organization holds"),
        "{doctor}"
    );

    cli.ok(&decide("reject", "beta"));
    assert_eq!(status(&cli, "beta"), "rejected");
    cli.fails(4, &decide("reject", "alpha"));
    cli.fails(4, &decide("release", "beta"));
    cli.ok(&decide("release", "alpha"));
    assert_eq!(status(&cli, "alpha"), "released");
    cli.ok(&decide("approve", "beta"));
    assert_eq!(status(&cli, "beta"), "granted");
    // A change of something else claims nothing again.
    cli.ok(&set("alpha", "greeting=Hoi"));
    assert_eq!(status(&cli, "alpha"), "released");
    // Removing the setting gives it up; making it anew claims it anew.
    cli.ok(&as_admin("beta", "phone_numbers="));
    assert_eq!(list(&["--of", "beta"]).len(), 0);
    cli.ok(&as_admin("beta", &pair));
    assert_eq!(status(&cli, "beta"), "pending");
    let log = cli.ok(&["activity", "list", "--org", "beta", "--all", "-o", "json"]);
    for action in [
        "channel_claim.request",
        "channel_claim.reject",
        "channel_claim.approve",
    ] {
        assert!(log.contains(action), "{action}");
    }
    assert!(
        !log.contains("alpha"),
        "a tenant's log does not name another"
    );
    let unknown = [
        "channel",
        "claim",
        "approve",
        "retell_agent",
        "x",
        "--org",
        "beta",
    ];
    cli.fails(3, &unknown);
    drop(fixture);
}

#[tokio::test]
async fn where_claims_are_open_a_tenants_is_granted_if_it_is_free() {
    let (_fixture, cli) = two().await;
    std::fs::write(
        cli.home().join("open.toml"),
        "[server]\nclaims = \"open\"\n",
    )
    .unwrap();
    let config = cli.home().join("open.toml").display().to_string();
    let pair = format!("phone_numbers={NUMBER}");
    let open = |slug| -> Vec<String> {
        let line = as_admin(slug, &pair).into_iter().map(str::to_owned);
        line.chain(["--config".to_owned(), config.clone()])
            .collect()
    };
    let words = |line: &[String]| -> Vec<String> { line.to_vec() };
    let alpha = words(&open("alpha"));
    cli.ok(&alpha.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(status(&cli, "alpha"), "granted");
    let beta = words(&open("beta"));
    let told = cli.fails(4, &beta.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        told.contains("not available") && !told.contains("alpha"),
        "{told}"
    );
}

#[tokio::test]
async fn a_deleted_organization_gives_up_and_claims_again_what_is_free() {
    let (_fixture, cli) = two().await;
    cli.ok(&set("alpha", "phone_numbers=+41443643532,+442083661177"));
    cli.ok(&["org", "delete", "alpha", "--yes"]);
    cli.ok(&set("beta", "phone_numbers=+442083661177"));
    let restored = cli.json(&["org", "restore", "alpha"]);
    assert_eq!(
        restored["pending_claims"],
        json!([{"kind": "phone_number", "value": "+442083661177"}])
    );
    let shown = cli.json(&["channel", "show", "twilio_realtime", "--org", "alpha"]);
    let claims = shown["claims"].as_array().unwrap();
    let of = |value: &str| {
        let found = claims.iter().find(|claim| claim["value"] == value);
        found.unwrap()["status"].clone()
    };
    assert_eq!(of("+41443643532"), "granted");
    assert_eq!(of("+442083661177"), "pending");
    cli.ok(&["activity", "verify", "--org", "alpha"]);
}

/// Two hundred grants of one number at once: one organization has it, and every other is told so.
#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_claim_at_once_one_gets_it() {
    use tenantctl::{
        db::Database,
        domain::{ChannelKind, ChannelSettings},
        services::{Session, channels, organizations},
    };

    const CALLERS: usize = 12;
    let db = TestDb::new();
    let session = db.session().await;
    let mut organizations_made = Vec::new();
    for number in 0..CALLERS {
        let new = organizations::NewOrganization {
            name: format!("Clinic {number}"),
            slug: None,
            time_zone: "UTC".parse().unwrap(),
            locale: "en".parse().unwrap(),
            owner: None,
        };
        let made = organizations::create(&session, &new).await.unwrap();
        organizations_made.push(made.organization.id);
    }
    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut callers = Vec::new();
    for id in organizations_made {
        let url = crate::common::settings(&db.url);
        let own = Session {
            db: Database::connect(&url).await.unwrap(),
            claims: ClaimPolicy::Approved,
            ..session.clone()
        };
        let barrier = Arc::clone(&barrier);
        callers.push(tokio::spawn(async move {
            barrier.wait().await;
            let changed = channels::change(&own, id, ChannelKind::Retell, None, |before, _| {
                let mut after = before.clone();
                after.settings = ChannelSettings::from_json(
                    ChannelKind::Retell,
                    json!({"agent_id": "agent_x", "phone_numbers": [NUMBER]}),
                )?;
                Ok(after)
            });
            changed.await.map(drop).map_err(|error| error.to_string())
        }));
    }
    let mut granted = 0;
    for caller in callers {
        match caller.await.unwrap() {
            Ok(()) => granted += 1,
            Err(error) => assert!(
                error.contains("belongs to organization clinic-")
                    || error.contains("claimed by another organization"),
                "{error}"
            ),
        }
    }
    assert_eq!(granted, 1);
    let held: i64 = db.scalar("SELECT count(*) FROM channel_identities").await;
    assert_eq!(held, 2);
    let kept: i64 = db
        .scalar(
            "SELECT count(*) FROM channel_configurations WHERE settings ->> 'agent_id' = 'agent_x'",
        )
        .await;
    assert_eq!(kept, 1, "what is refused is not kept");
}

/// A tenant role with SQL of its own cannot grant itself anything, nor see who holds what.
#[tokio::test]
async fn the_tenant_role_cannot_grant() {
    use sqlx::{AssertSqlSafe, Executor};
    let (fixture, cli) = two().await;
    cli.ok(&set("alpha", &format!("phone_numbers={NUMBER}")));
    let mut connection = fixture.db.raw().await;
    let scope = format!(
        "BEGIN; SET LOCAL ROLE tenant_app; SET LOCAL app.organization_id = '{}'",
        fixture.b.id
    );
    for (sql, is_refused) in [
        (
            format!(
                "INSERT INTO channel_identities VALUES ('{}', 'phone_number', '+442083661177', now())",
                fixture.b.id
            ),
            true,
        ),
        ("UPDATE channel_identities SET value = 'x'".to_owned(), true),
        (
            format!(
                "DO $$ BEGIN IF EXISTS (SELECT FROM channel_identities WHERE value = '{NUMBER}') \
                     THEN RAISE 'seen'; END IF; END $$"
            ),
            false,
        ),
        ("SELECT FROM quarantined_events".to_owned(), true),
    ] {
        connection
            .execute(AssertSqlSafe(scope.clone()))
            .await
            .unwrap();
        let tried = connection.execute(AssertSqlSafe(sql.clone())).await;
        connection.execute("ROLLBACK").await.unwrap();
        assert_eq!(tried.is_err(), is_refused, "{sql}: {tried:?}");
    }
}

/// What two organizations had configured before, one keeps: whose channel answers, then whose is older.
#[tokio::test]
async fn the_migration_keeps_one_of_several() {
    use sqlx::{AssertSqlSafe, Executor};
    let db = TestDb::new();
    let cli = db.cli();
    for (slug, number) in [("first", "+41443643532"), ("second", "+442083661177")] {
        cli.ok(&["org", "create", slug, "--slug", slug]);
        let pair = format!("phone_numbers={number}");
        cli.ok(&set(slug, &pair));
    }
    cli.ok(&["org", "create", "third", "--slug", "third"]);
    cli.ok(&["channel", "enable", "twilio_realtime", "--org", "second"]);
    // As an older release could leave it: all of them name both numbers.
    let mut connection = db.raw().await;
    let back = "UPDATE channel_configurations
                   SET settings = settings || '{\"phone_numbers\": [\"+41443643532\", \"+442083661177\"]}'
                 WHERE channel = 'twilio_realtime';
                UPDATE organizations SET status = 'deleted', deleted_at = now(), purge_after = now()
                 WHERE slug = 'third';
                DROP TABLE channel_identities, channel_claims, quarantined_events;
                ALTER TABLE webhook_events DROP COLUMN scheme;";
    connection.execute(back).await.unwrap();
    let old = include_str!("../../migrations/0008_webhooks.sql");
    let from = old.find("CREATE TABLE channel_identities").unwrap();
    let table = &old[from..old.find("INSERT INTO channel_identities").unwrap()];
    connection
        .execute(AssertSqlSafe(table.to_owned()))
        .await
        .unwrap();
    let migration = include_str!("../../migrations/0011_identities_and_quarantine.sql");
    connection.execute(migration).await.unwrap();
    let listed = cli.json(&[
        "channel",
        "claim",
        "list",
        "--kind",
        "phone_number",
        "--all",
    ]);
    let mut found: Vec<String> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| {
            format!(
                "{} {} {}",
                claim["value"].as_str().unwrap(),
                claim["organization"].as_str().unwrap(),
                claim["status"].as_str().unwrap()
            )
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "+41443643532 first pending",
            "+41443643532 second granted",
            "+41443643532 third dormant",
            "+442083661177 first pending",
            "+442083661177 second granted",
            "+442083661177 third dormant",
        ]
    );
}
