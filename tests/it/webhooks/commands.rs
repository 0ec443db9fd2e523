//! `tenantctl webhook`, as people and scripts use it.

use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    PUBLIC_URL,
    house::{House, SECRET},
    sign,
};
use crate::common::Cli;

const UNKNOWN: &str = "0197a3b0-0000-7000-8000-000000000001";

/// The binary with the server's address, working in alpha.
fn cli(house: &House) -> Cli {
    let cli = house
        .cli()
        .env("PROVIDER_SECRET", SECRET)
        .env("TENANTCTL_ORG", "alpha");
    let file = cli.config_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, format!("[server]\npublic_url = '{PUBLIC_URL}'\n")).unwrap();
    cli
}

fn create<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let create = ["webhook", "endpoint", "create"];
    let secret = ["--secret-env", "PROVIDER_SECRET"];
    [&create[..], more, &secret].concat()
}

fn id(made: &Value) -> &str {
    made["id"].as_str().unwrap()
}

#[tokio::test]
async fn an_endpoint_is_made_and_its_secret_never_shown() {
    let house = House::new().await;
    let cli = cli(&house);
    assert_eq!(cli.json(&["webhook", "endpoint", "list"]), json!([]));
    let rehearsed = cli.json(&[&create(&["whatsapp"])[..], &["--dry-run"]].concat());
    assert_eq!(
        rehearsed["verify_token"],
        Value::Null,
        "nobody could use it"
    );
    assert_eq!(cli.json(&["webhook", "endpoint", "list"]), json!([]));

    let made = cli.json(&create(&["whatsapp"]));
    assert_eq!(
        (made["scheme"].as_str(), &made["enabled"]),
        (Some("meta"), &json!(true))
    );
    let token = made["verify_token"].as_str().unwrap();
    assert_eq!(token.len(), 64);
    let url = cli.json(&["webhook", "endpoint", "url", id(&made)])["url"].clone();
    assert_eq!(url, made["url"]);
    let path = url.as_str().unwrap().strip_prefix(PUBLIC_URL).unwrap();
    let challenge = format!("{path}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=7");
    let told = house
        .desk()
        .expect(&super::ask::Ask::get(challenge), 200)
        .await;
    assert_eq!(told.body, "7");

    let listed = cli.ok(&["webhook", "endpoint", "list", "-o", "json"]);
    assert!(
        listed.contains("verify_token\""),
        "that there is one: {listed}"
    );
    let log = cli.ok(&["activity", "list", "--all", "-o", "json"]);
    let dump = house.dump().await;
    for (what, text) in [("list", listed), ("log", log), ("dump", dump)] {
        assert!(!text.contains(SECRET) && !text.contains(token), "{what}");
    }
    // From stdin and from a file; only the first line counts.
    let piped = house
        .cli()
        .env("TENANTCTL_ORG", "alpha")
        .stdin("a secret of stdin\nmore\n");
    let said = piped.run(&["webhook", "endpoint", "create", "retell", "--secret-stdin"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("public_url"), "{}", said.stderr);
    std::fs::write(cli.home().join("secret"), "a secret of a file\n").unwrap();
    let made = cli.json(&[
        "webhook",
        "endpoint",
        "create",
        "retell",
        "--secret-file",
        "secret",
    ]);
    let path = made["url"]
        .as_str()
        .unwrap()
        .strip_prefix(PUBLIC_URL)
        .unwrap();
    let ask = sign::retell("a secret of a file", path, house.now, r#"{"event":"x"}"#);
    house.desk().expect(&ask, 200).await;
}

#[tokio::test]
async fn wrong_input_is_refused_with_its_code() {
    let house = House::new().await;
    let cli = cli(&house);
    let fails = |code: i32, args: &[&str], part: &str| {
        let told = cli.fails(code, args);
        assert!(told.contains(part), "{args:?}: {told}");
        assert!(!told.contains(SECRET), "{told}");
    };
    fails(2, &create(&["web"]), "no webhook");
    fails(
        2,
        &create(&["retell", "--scheme", "meta"]),
        "its schemes: retell",
    );
    fails(
        2,
        &create(&["whatsapp", "--scheme", "standard"]),
        "its schemes: meta, evolution",
    );
    fails(2, &create(&["fax"]), "fax");
    let endpoint = |verb, more: &[&'static str]| {
        let verb: [&str; 3] = ["webhook", "endpoint", verb];
        [&verb[..], more].concat()
    };
    fails(
        2,
        &endpoint("create", &["retell", "--secret-env", "X", "--secret-stdin"]),
        "--secret",
    );
    fails(
        3,
        &endpoint("create", &["retell", "--secret-env", "NOT_SET"]),
        "NOT_SET",
    );
    fails(
        3,
        &endpoint("create", &["retell", "--secret-file", "nothing"]),
        "nothing",
    );
    fails(
        6,
        &endpoint("create", &["retell", "--secret-stdin"]),
        "no secret",
    );
    fails(2, &endpoint("create", &["retell"]), "--secret-stdin");
    let short = house.cli().env("TENANTCTL_ORG", "alpha").env("S", "short");
    let told = short.fails(
        6,
        &endpoint(
            "create",
            &["whatsapp", "--scheme", "evolution", "--secret-env", "S"],
        ),
    );
    assert!(
        told.contains("shorter") && !told.contains("short\n"),
        "{told}"
    );
    let retell = endpoint("create", &["retell", "--secret-env", "S"]);
    let told = short.fails(6, &retell);
    assert!(
        told.contains("fewer than 16 characters") && told.contains("--weak-secret"),
        "{told}"
    );
    let weak = [&retell[..], &["--weak-secret"]].concat();
    let made = short.json(&[&weak[..], &["--dry-run"]].concat());
    assert_eq!(made["enabled"], json!(true), "{made}");
    let keyless = house
        .db
        .cli()
        .env("TENANTCTL_ORG", "alpha")
        .env("S", "secret");
    let told = keyless.fails(7, &endpoint("create", &["retell", "--secret-env", "S"]));
    assert!(told.contains("config new-key"), "{told}");
    assert_eq!(cli.json(&["webhook", "endpoint", "list"]), json!([]));

    let made = cli.json(&create(&["retell"]));
    let made = id(&made);
    for (code, more) in [
        (
            2,
            &["--overlap-hours", "721", "--secret-env", "PROVIDER_SECRET"][..],
        ),
        (2, &["--verify-token"]),
        (2, &["--verify-token", "--secret-env", "PROVIDER_SECRET"]),
    ] {
        let rotate = ["webhook", "endpoint", "rotate", made];
        cli.fails(code, &[&rotate[..], more].concat());
    }
    cli.fails(2, &["webhook", "events", "show", "not-an-id"]);
    cli.fails(2, &["webhook", "events", "list", "--status", "lost"]);
    cli.fails(2, &["webhook", "events", "list", "--limit", "0"]);
}

#[tokio::test]
async fn an_endpoint_is_rotated_switched_off_and_on() {
    let house = House::new().await;
    let cli = cli(&house).env("NEXT", "the next secret of it");
    let made = cli.json(&create(&["whatsapp"]));
    let id = id(&made);
    let verb = |verb, more: &[&'static str]| {
        let verb: [&str; 4] = ["webhook", "endpoint", verb, id];
        cli.json(&[&verb[..], more].concat())
    };
    let before = house.dump().await;
    let secrets = |view: &Value| view["secrets"].as_array().unwrap().len();
    let weak = house.cli().env("TENANTCTL_ORG", "alpha").env("S", "short");
    let rotate = ["webhook", "endpoint", "rotate", id, "--secret-env", "S"];
    let told = weak.fails(6, &rotate);
    assert!(told.contains("--weak-secret"), "{told}");
    weak.ok(&[&rotate[..], &["--weak-secret", "--dry-run"]].concat());
    let rehearsed = verb("rotate", &["--secret-env", "NEXT", "--dry-run"]);
    assert_eq!(secrets(&rehearsed), 3);
    verb("disable", &["--dry-run"]);
    assert_eq!(house.dump().await, before, "a rehearsal changes nothing");

    let rotated = verb("rotate", &["--secret-env", "NEXT", "--overlap-hours", "1"]);
    assert_eq!(secrets(&rotated), 3, "two that sign, and the verify token");
    assert_eq!(rotated["verify_token"], Value::Null);
    assert_eq!(
        secrets(&verb("rotate", &["--secret-env", "NEXT"])),
        3,
        "two at most"
    );
    let token = verb("rotate", &["--verify-token", "--overlap-hours", "0"])["verify_token"].clone();
    assert!(token.is_string() && token != made["verify_token"]);

    for (name, enabled, changed) in [
        ("disable", false, true),
        ("disable", false, false),
        ("enable", true, true),
        ("enable", true, false),
    ] {
        let view = verb(name, &[]);
        assert_eq!(view["enabled"], enabled);
        assert_eq!(view["changed"], changed);
    }
    let log = cli.json(&["activity", "list", "--all"]);
    let actions: Vec<&str> = log
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .filter_map(|entry| entry["action"].as_str())
        .filter(|action| action.starts_with("webhook"))
        .collect();
    assert_eq!(
        actions,
        [
            "webhook_endpoint.create",
            "webhook_endpoint.rotate",
            "webhook_endpoint.rotate",
            "webhook_endpoint.rotate",
            "webhook_endpoint.disable",
            "webhook_endpoint.enable",
        ]
    );
    cli.ok(&["activity", "verify"]);
}

/// A house with an event of each organization that was processed.
async fn with_events() -> House {
    let house = House::new().await;
    for organization in [&house.a, &house.b] {
        let endpoint = house
            .endpoint(organization, ChannelKind::Retell, Scheme::Retell)
            .await;
        let body =
            json!({"event": "call_ended", "call": {"call_id": "c1", "transcript": "my tooth"}});
        let ask = sign::retell(SECRET, &endpoint.path, house.now, body.to_string());
        house.desk().expect(&ask, 200).await;
    }
    house.work().await;
    house
}

async fn event_of(house: &House, slug: &str) -> String {
    house
        .text(&format!(
            "SELECT e.id::text FROM webhook_events e JOIN organizations o ON o.id = organization_id WHERE slug = '{slug}'"
        ))
        .await
}

#[tokio::test]
async fn events_are_listed_shown_replayed_and_given_up() {
    let house = with_events().await;
    let cli = cli(&house);
    let event = event_of(&house, "alpha").await;
    let list = |more: &[&str]| {
        let list = ["webhook", "events", "list"];
        let listed = cli.json(&[&list[..], more].concat());
        listed.as_array().unwrap().clone()
    };
    let listed = list(&[]);
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0]["id"].as_str(), listed[0]["status"].as_str()),
        (Some(event.as_str()), Some("done"))
    );
    assert!(
        !listed[0].to_string().contains("tooth"),
        "not what was sent"
    );
    let endpoint = listed[0]["endpoint_id"].as_str().unwrap();
    for (more, number) in [
        (
            &[
                "--status",
                "done",
                "--channel",
                "retell",
                "--endpoint",
                endpoint,
            ][..],
            1,
        ),
        (&["--status", "dead"], 0),
        (&["--channel", "whatsapp"], 0),
        (&["--endpoint", UNKNOWN], 0),
    ] {
        assert_eq!(list(more).len(), number, "{more:?}");
    }
    let verb = |verb, more: &[&'static str]| {
        let verb: [&str; 4] = ["webhook", "events", verb, &event];
        [&verb[..], more].concat()
    };
    let shown = cli.json(&verb("show", &[]));
    assert_eq!(shown["verified_by"], "retell");
    assert!(shown["body"].as_str().unwrap().contains("my tooth"));
    assert!(shown["headers"]["x-retell-signature"].is_string());
    let told = cli.fails(4, &verb("discard", &[]));
    assert!(told.contains("it is done"), "{told}");
    cli.json(&verb("replay", &["--dry-run"]));
    assert_eq!(list(&["--status", "done"]).len(), 1);
    assert_eq!(cli.json(&verb("replay", &[]))["status"], "pending");
    let told = cli.fails(4, &verb("replay", &[]));
    assert!(told.contains("tenantctl serve"), "{told}");
    cli.json(&verb("discard", &["--dry-run"]));
    assert_eq!(house.count("SELECT count(*) FROM webhook_jobs").await, 1);
    assert_eq!(cli.json(&verb("discard", &[]))["status"], "discarded");
    assert_eq!(house.count("SELECT count(*) FROM webhook_jobs").await, 0);
    let log = cli.ok(&["activity", "list", "--all", "-o", "json"]);
    for action in [
        "webhook_event.read",
        "webhook_event.replay",
        "webhook_event.discard",
    ] {
        assert!(log.contains(action), "{action}");
    }
    assert!(!log.contains("tooth"));
}

/// What another organization has is told from what nobody has by nobody.
#[tokio::test]
async fn another_organizations_ids_are_as_unknown_as_any() {
    let house = with_events().await;
    let cli = cli(&house);
    let theirs = event_of(&house, "beta").await;
    let endpoint = house
        .text("SELECT max(w.id::text) FROM webhook_endpoints w JOIN organizations o ON o.id = organization_id WHERE slug = 'beta'")
        .await;
    let before = house.dump().await;
    for (id, line) in [
        (&theirs, &["webhook", "events", "show"][..]),
        (&theirs, &["webhook", "events", "replay"]),
        (&theirs, &["webhook", "events", "discard"]),
        (&endpoint, &["webhook", "endpoint", "url"]),
        (&endpoint, &["webhook", "endpoint", "disable"]),
        (&endpoint, &["webhook", "endpoint", "enable"]),
        (
            &endpoint,
            &[
                "webhook",
                "endpoint",
                "rotate",
                "--secret-env",
                "PROVIDER_SECRET",
            ],
        ),
    ] {
        let told = cli.fails(3, &[line, &[id.as_str()]].concat());
        let unknown = cli.fails(3, &[line, &[UNKNOWN]].concat());
        assert_eq!(told.replace(id.as_str(), UNKNOWN), unknown);
        assert!(told.contains("of alpha not found"), "{told}");
    }
    let list = ["webhook", "events", "list", "--endpoint", &endpoint];
    assert_eq!(cli.json(&list), json!([]));
    assert_eq!(house.dump().await, before);
}
