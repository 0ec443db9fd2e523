//! WhatsApp by Meta's Cloud API: the challenge, batches, statuses, large bodies.

use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    ask::Ask,
    house::{Endpoint, House, SECRET},
    sign,
};

const CHANNEL: ChannelKind = ChannelKind::Whatsapp;
const MOST: usize = 3 * 1024 * 1024;

async fn open(house: &House) -> Endpoint {
    house
        .set(&house.a, CHANNEL, json!({"phone_number_id": "11111"}))
        .await;
    house
        .set(&house.b, CHANNEL, json!({"phone_number_id": "22222"}))
        .await;
    house.endpoint(&house.a, CHANNEL, Scheme::Meta).await
}

fn change(phone: &str, value: Value) -> Value {
    let mut change = json!({"field": "messages", "value": value});
    change["value"]["metadata"] = json!({"display_phone_number": "1", "phone_number_id": phone});
    change
}

fn body(changes: &Value) -> Value {
    let entry = json!([{"id": "1", "time": 1_749_416_383, "changes": changes}]);
    json!({"object": "whatsapp_business_account", "entry": entry})
}

fn message(id: &str, text: &str) -> Value {
    json!({"from": "16505551234", "id": id, "timestamp": "1749416383", "type": "text",
        "text": {"body": text}})
}

fn status(status: &str, at: &str) -> Value {
    json!({"id": "wamid.S", "status": status, "timestamp": at, "recipient_id": "16505551234"})
}

fn send(endpoint: &Endpoint, body: &Value) -> Ask {
    sign::meta(SECRET, &endpoint.path, body.to_string())
}

#[tokio::test]
async fn the_challenge_is_answered_bare_to_who_knows_the_token() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let desk = house.desk();
    let ask = |mode: &str, token: &str, challenge: &str| {
        Ask::get(format!(
            "{}?hub.mode={mode}&hub.verify_token={token}&hub.challenge={challenge}",
            endpoint.path
        ))
    };
    let token = endpoint.verify_token;
    let told = desk
        .expect(&ask("subscribe", token, "1158201444"), 200)
        .await;
    assert_eq!(told.body, "1158201444");
    assert!(told.content_type.starts_with("text/plain"), "{told:?}");
    for (ask, status) in [
        (ask("subscribe", "canary-verify-toke", "1"), 403),
        // The secret that signs is another one.
        (ask("subscribe", SECRET, "1"), 403),
        (ask("subscribe", "", "1"), 400),
        (ask("unsubscribe", token, "1"), 400),
        (ask("subscribe", token, "%3Cscript%3E"), 400),
        (Ask::get(&endpoint.path), 400),
    ] {
        desk.expect(&ask, status).await;
    }
    assert_eq!(desk.refused("webhook_wrong").await, 2);
    assert_eq!(house.count("SELECT count(*) FROM webhook_events").await, 0);
}

#[tokio::test]
async fn a_batch_is_split_and_each_part_is_one_event() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let desk = house.desk();
    let batch = body(&json!([
        change("11111", json!({"messages": [message("wamid.A", "first"), message("wamid.B", "second")]})),
        change("22222", json!({"messages": [message("wamid.A", "theirs")]})),
        {"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT"}},
        {"value": {}}, 7,
    ]));
    let again = body(&json!([change(
        "11111",
        json!({"messages": [message("wamid.B", "second")]})
    )]));
    for batch in [&batch, &batch, &again] {
        desk.expect(&send(&endpoint, batch), 200).await;
    }
    house.work().await;
    let kinds = "SELECT string_agg(kind || ' ' || status, ',' ORDER BY id) FROM webhook_events";
    assert_eq!(house.text(kinds).await, "message done,message done");
    // What is another number's, and what names none where there is one: nobody's, for now.
    let kinds =
        "SELECT string_agg(kind || ': ' || reason, ',' ORDER BY id) FROM quarantined_events";
    assert_eq!(
        house.text(kinds).await,
        "message: meta_phone_number_id 22222 belongs to another organization,\
         account_update: the event names no identity,unknown: the event names no identity,\
         unknown: the event names no identity"
    );
    let stored = "SELECT encode(body, 'escape') FROM webhook_events WHERE idempotency_key = 'message:11111:wamid.A'";
    let stored = house.text(stored).await;
    assert!(stored.contains("first"), "{stored}");
    assert!(
        !stored.contains("second") && !stored.contains("theirs"),
        "{stored}"
    );
    let messages = "SELECT string_agg(concat_ws(' ', external_id, counterpart, kind, body), ',' ORDER BY external_id) FROM messages";
    assert_eq!(
        house.text(messages).await,
        "11111/wamid.A 16505551234 text first,11111/wamid.B 16505551234 text second"
    );
    let usage = "SELECT string_agg(concat_ws(' ', channel, day, messages), ',') FROM channel_usage";
    assert_eq!(house.text(usage).await, "whatsapp 2025-06-08 2");
}

#[tokio::test]
async fn the_newest_status_stays_in_whichever_order_they_come() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let desk = house.desk();
    for (one, at) in [
        ("sent", "10"),
        ("read", "30"),
        ("delivered", "20"),
        ("read", "30"),
    ] {
        let body = body(&json!([change(
            "11111",
            json!({"statuses": [status(one, at)]})
        )]));
        desk.expect(&send(&endpoint, &body), 200).await;
        house.work().await;
    }
    assert_eq!(house.events("done").await, 3);
    let messages =
        "SELECT string_agg(concat_ws(' ', external_id, direction, status), ',') FROM messages";
    assert_eq!(house.text(messages).await, "11111/wamid.S outbound read");
    assert_eq!(house.count("SELECT count(*) FROM channel_usage").await, 0);
}

/// Meta sends up to 3 MB, to whatever the limit of others is.
#[tokio::test]
async fn three_megabytes_are_taken_and_no_byte_more() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let cli = house.cli();
    let serving = house.serve(&cli, "", &["--no-worker"]);
    let of_length = |length: usize| {
        let mut text = String::new();
        loop {
            let changes = json!([change(
                "11111",
                json!({"messages": [message("wamid.L", &text)]})
            )]);
            let body = body(&changes).to_string();
            if body.len() == length {
                return sign::meta(SECRET, &endpoint.path, body);
            }
            text = "x".repeat(text.len() + length - body.len());
        }
    };
    let told = of_length(MOST + 1).over(serving.address());
    assert_eq!(told.status, 413, "{told:?}");
    let told = of_length(MOST).over(serving.address());
    assert_eq!(told.status, 200, "{told:?}\n{}", serving.log());
    house.work().await;
    let longest = "SELECT length(body)::bigint FROM messages";
    assert!(house.count(longest).await > 3_000_000);
    let counted = super::house::refusals(&serving.metrics(), "body_too_large");
    assert_eq!(counted, 1);
}

/// As many messages as fit into a request are taken while a request may last, and each once.
#[tokio::test]
async fn a_batch_of_thousands_is_taken() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let cli = house.cli();
    let serving = house.serve(&cli, "", &["--no-worker"]);
    let batch = |from: usize| {
        let messages: Vec<Value> = (from..from + 20_000)
            .map(|number| message(&format!("wamid.{number}"), "hi"))
            .collect();
        let body = body(&json!([change("11111", json!({"messages": messages}))]));
        sign::meta(SECRET, &endpoint.path, body.to_string())
    };
    for from in [0, 10_000] {
        let told = batch(from).over(serving.address());
        assert_eq!(told.status, 200, "{told:?}\n{}", serving.log());
    }
    assert_eq!(house.events("pending").await, 30_000);
    assert_eq!(
        house.count("SELECT count(*) FROM webhook_jobs").await,
        30_000
    );
    let counted = r#"{channel="whatsapp",result="duplicate"} 10000"#;
    assert!(serving.metrics().contains(counted));
}
