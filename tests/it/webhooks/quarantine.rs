//! The platform's quarantine: the operator's commands, and that no tenant has any of it.

use std::time::Duration;

use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    house::{House, SECRET},
    sign,
};
use crate::common::user;

/// An event of nobody at an endpoint of `alpha`, and its id.
async fn quarantined(house: &House) -> String {
    house
        .set(
            &house.a,
            ChannelKind::Whatsapp,
            json!({"phone_number_id": "11111"}),
        )
        .await;
    let endpoint = house
        .endpoint(&house.a, ChannelKind::Whatsapp, Scheme::Meta)
        .await;
    let message = json!({"from": "1", "id": "m1", "type": "text", "text": {"body": "canary text"}});
    let value = json!({"metadata": {"phone_number_id": "33333"}, "messages": [message]});
    let body = json!({"object": "whatsapp_business_account",
        "entry": [{"changes": [{"field": "messages", "value": value}]}]});
    let ask = sign::meta(SECRET, &endpoint.path, body.to_string());
    let desk = house.strict_desk();
    for _ in 0..2 {
        desk.expect(&ask, 200).await;
    }
    assert_eq!(house.quarantined("waiting").await, 1);
    house.text("SELECT id::text FROM quarantined_events").await
}

#[tokio::test]
async fn the_operator_looks_assigns_and_discards() {
    let house = House::new().await;
    let id = quarantined(&house).await;
    let cli = house.cli();
    let list = |more: &[&str]| -> Vec<Value> {
        let list = ["webhook", "quarantine", "list"];
        let listed = cli.json(&[&list[..], more].concat());
        listed.as_array().unwrap().clone()
    };
    let listed = list(&[]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["endpoint_organization"], "alpha");
    assert_eq!(
        listed[0]["identities"],
        json!(["meta_phone_number_id 33333"])
    );
    assert!(
        !listed[0].to_string().contains("canary"),
        "not what was sent"
    );
    for (more, number) in [
        (&["--status", "waiting", "--channel", "whatsapp"][..], 1),
        (&["--endpoint-org", "alpha"], 1),
        (&["--endpoint-org", "beta"], 0),
        (&["--status", "assigned"], 0),
    ] {
        assert_eq!(list(more).len(), number, "{more:?}");
    }
    let verb = |verb: &'static str, more: &[&'static str]| {
        let verb: [&str; 4] = ["webhook", "quarantine", verb, &id];
        [&verb[..], more].concat()
    };
    let shown = cli.json(&verb("show", &[]));
    assert!(shown["body"].as_str().unwrap().contains("canary text"));
    assert_eq!(shown["verified_by"], "meta");

    // What alpha has not registered beside another is not alpha's by a word.
    let told = cli.fails(4, &verb("assign", &["--org", "alpha"]));
    assert!(told.contains("quarantine adopt"), "{told}");
    // Nothing of it contradicts beta, which has registered nothing.
    cli.json(&verb("assign", &["--org", "beta", "--dry-run"]));
    assert_eq!(house.quarantined("waiting").await, 1);
    let told = cli.json(&verb("assign", &["--org", "beta"]));
    assert_eq!(told["status"], "assigned");
    house.work().await;
    let messages = "SELECT string_agg(o.slug || ' ' || m.body, ',')
                      FROM messages m JOIN organizations o ON o.id = organization_id";
    assert_eq!(house.text(messages).await, "beta canary text");
    let shown = cli.json(&["webhook", "events", "show", &id, "--org", "beta"]);
    assert_eq!(shown["verified_by"], "meta");
    assert_eq!(shown["endpoint_id"], Value::Null, "it is alpha's");
    for again in ["assign", "adopt"] {
        cli.fails(4, &verb(again, &["--org", "beta"]));
    }
    cli.fails(4, &verb("discard", &["--yes"]));
    cli.fails(3, &["webhook", "events", "show", &id, "--org", "alpha"]);

    let log = cli.ok(&["activity", "list", "--platform", "--all", "-o", "json"]);
    for action in ["quarantined_event.read", "quarantined_event.assign"] {
        assert!(log.contains(action), "{action}");
    }
    assert!(!log.contains("canary"));
    let log = cli.ok(&["activity", "list", "--org", "beta", "--all", "-o", "json"]);
    assert!(log.contains("webhook_event.assign"));
    for verify in [&["--platform"][..], &["--org", "beta"]] {
        cli.ok(&[&["activity", "verify"][..], verify].concat());
    }
}

#[tokio::test]
async fn what_is_discarded_is_gone_and_stays_known() {
    let house = House::new().await;
    let id = quarantined(&house).await;
    let cli = house.cli();
    let discard = ["webhook", "quarantine", "discard", &id];
    cli.fails(5, &discard);
    cli.ok(&[&discard[..], &["--yes"]].concat());
    assert!(!house.dump().await.contains("canary text"));
    assert_eq!(house.quarantined("discarded").await, 1);
    cli.fails(
        4,
        &["webhook", "quarantine", "assign", &id, "--org", "beta"],
    );
    let log = cli.ok(&["activity", "list", "--platform", "--all", "-o", "json"]);
    assert!(log.contains("quarantined_event.discard"));
}

/// An event is in quarantine or with its organization, and never in both or lost.
#[tokio::test]
async fn a_killed_assignment_leaves_the_event_in_one_place() {
    let house = House::new().await;
    let first = quarantined(&house).await;
    let cli = house.cli();
    for round in 0..10_u64 {
        // Copies of the event: deliveries of other messages.
        let id = uuid::Uuid::from_u128(u128::from(round) + 1).to_string();
        house
            .db
            .execute(&format!(
                "INSERT INTO quarantined_events
                 SELECT (jsonb_populate_record(q, jsonb_build_object('id', '{id}', 'idempotency_key', '{id}'))).*
                   FROM quarantined_events q WHERE q.id = '{first}'"
            ))
            .await;
        let assign = ["webhook", "quarantine", "assign", &id, "--org", "beta"];
        cli.kill_after(&assign, Duration::from_millis(5 + 8 * round));
        let whole = format!(
            "SELECT count(*) FROM quarantined_events q LEFT JOIN webhook_events v ON v.id = q.id
              WHERE q.id = '{id}' AND CASE q.status
                    WHEN 'waiting' THEN v.id IS NULL AND length(q.body) > 0
                    WHEN 'assigned' THEN length(v.body) > 0 AND length(q.body) = 0 END"
        );
        assert_eq!(house.count(&whole).await, 1, "round {round}");
        cli.run(&assign);
        let stored = format!("SELECT count(*) FROM webhook_events WHERE id = '{id}'");
        assert_eq!(house.count(&stored).await, 1, "round {round}");
        assert_eq!(house.count(&whole).await, 1, "round {round}");
    }
    let entries = "SELECT count(*) FROM activity_log WHERE action = 'webhook_event.assign'";
    assert_eq!(house.count(entries).await, 10);
    for verify in [&["--platform"][..], &["--org", "beta"]] {
        cli.ok(&[&["activity", "verify"][..], verify].concat());
    }
}

/// Two operators at once: one assigns, the other is told so, and the event is there once.
#[tokio::test]
async fn of_two_who_assign_one_event_one_does() {
    let house = House::new().await;
    let id = quarantined(&house).await;
    let clis = [house.cli(), house.cli()];
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let runs: Vec<_> = clis
            .iter()
            .map(|cli| {
                let assign = ["webhook", "quarantine", "assign", &id, "--org", "beta"];
                scope.spawn(move || cli.run(&assign).code)
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 4]);
    let events = "SELECT count(*) FROM webhook_events";
    assert_eq!(house.count(events).await, 1);
}

/// No command of a tenant's owner shows, lists or takes any of it.
#[tokio::test]
async fn no_tenant_has_anything_of_it() {
    let house = House::new().await;
    let id = quarantined(&house).await;
    let owner = user(&house.session, "owner@alpha.example").await;
    let cli = house.cli();
    cli.ok(&[
        "member",
        "add",
        "owner@alpha.example",
        "--role",
        "owner",
        "--org",
        "alpha",
    ]);
    drop(owner);
    let as_owner = ["--as", "owner@alpha.example", "--org", "alpha"];
    for line in [
        &["webhook", "quarantine", "list"][..],
        &["webhook", "quarantine", "show", &id],
        &["webhook", "quarantine", "assign", &id],
        &["webhook", "quarantine", "adopt", &id],
        &["webhook", "quarantine", "discard", &id, "--yes"],
        &["channel", "claim", "list"],
        &[
            "channel",
            "claim",
            "approve",
            "phone_number",
            "+41443643532",
        ],
    ] {
        let told = cli.fails(5, &[line, &as_owner].concat());
        assert!(
            !told.contains("canary") && !told.contains("33333"),
            "{told}"
        );
    }
    for line in [
        &["webhook", "events", "show", &id][..],
        &["webhook", "events", "replay", &id],
        &["webhook", "events", "discard", &id],
    ] {
        let told = cli.fails(3, &[line, &as_owner].concat());
        assert!(!told.contains("canary"), "{told}");
    }
    let list = ["webhook", "events", "list", "-o", "json"];
    assert_eq!(cli.ok(&[&list[..], &as_owner].concat()).trim(), "[]");
    assert_eq!(house.quarantined("waiting").await, 1);
}

#[tokio::test]
async fn doctor_counts_what_waits() {
    let house = House::new().await;
    quarantined(&house).await;
    let cli = house.cli();
    let report = cli.json(&["doctor"]);
    let check = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["name"] == name).unwrap();
        (
            found["state"].as_str().unwrap().to_owned(),
            found["message"].as_str().unwrap().to_owned(),
        )
    };
    let (state, message) = check("quarantined_events");
    assert_eq!(state, "warning");
    assert!(message.starts_with("1 event is quarantined"), "{message}");
    assert_eq!(check("channel_claims").0, "ok");
}
