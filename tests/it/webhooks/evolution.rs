//! WhatsApp by Evolution API: tokens and fixed headers, own messages, and the key it sends along.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    ask::Ask,
    house::{Endpoint, House, SECRET},
    sign,
};

const CHANNEL: ChannelKind = ChannelKind::Whatsapp;
const KEY: &str = "CANARY-KEY-OF-THE-API";

async fn open(house: &House) -> Endpoint {
    house
        .set(&house.a, CHANNEL, json!({"instance_name": "alpha"}))
        .await;
    house
        .set(&house.b, CHANNEL, json!({"instance_name": "beta"}))
        .await;
    house.endpoint(&house.a, CHANNEL, Scheme::Evolution).await
}

fn upsert(instance: &str, id: &str, from_me: bool) -> Value {
    json!({"event": "messages.upsert", "instance": instance, "apikey": KEY,
        "server_url": "https://evolution.example.com", "data": {
            "key": {"remoteJid": "41443643532@s.whatsapp.net", "fromMe": from_me, "id": id},
            "message": {"conversation": "my tooth"}, "messageTimestamp": 1_717_775_575,
            "contextInfo": {"ApiKey": {"nested": [KEY]}, "api_key": KEY}}})
}

fn send(house: &House, endpoint: &Endpoint, body: &Value) -> Ask {
    sign::evolution(SECRET, &endpoint.path, house.now, body.to_string())
}

#[tokio::test]
async fn messages_are_taken_once_own_ones_ignored_and_no_key_is_kept() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let desk = house.desk();
    for body in [
        upsert("alpha", "M1", false),
        upsert("alpha", "M1", false),
        upsert("alpha", "M2", true),
        upsert("beta", "M3", false),
        json!({"event": "connection.update", "instance": "alpha", "apikey": KEY,
            "data": {"state": "open"}}),
    ] {
        desk.expect(&send(&house, &endpoint, &body), 200).await;
    }
    house.work().await;
    assert_eq!(house.events("done").await, 3);
    assert_eq!(house.quarantined("waiting").await, 1, "of another instance");
    let messages =
        "SELECT string_agg(concat_ws(' ', external_id, direction, body), ',') FROM messages";
    assert_eq!(
        house.text(messages).await,
        "alpha/41443643532@s.whatsapp.net/M1 inbound my tooth"
    );
    assert_eq!(
        house
            .count("SELECT sum(messages)::bigint FROM channel_usage")
            .await,
        1
    );
    let dump = house.dump().await;
    assert!(dump.contains("[redacted]") && dump.contains("my tooth"));
    assert!(!dump.contains(KEY));
    assert!(!dump.contains(SECRET));
    assert!(!dump.contains("Bearer"), "the token is not kept either");
}

#[tokio::test]
async fn a_list_is_several_events() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let mut body = upsert("alpha", "M1", false);
    let [one, two, own] = [("M1", false), ("M2", false), ("M3", true)]
        .map(|(id, own)| upsert("alpha", id, own)["data"].clone());
    body["data"] = json!([one, two, own]);
    let desk = house.desk();
    for _ in 0..2 {
        desk.expect(&send(&house, &endpoint, &body), 200).await;
    }
    let update = json!({"event": "messages.update", "instance": "alpha",
        "data": {"keyId": "M9", "remoteJid": "a@b", "status": "READ"}});
    desk.expect(&send(&house, &endpoint, &update), 200).await;
    house.work().await;
    assert_eq!(house.events("done").await, 4);
    let messages = "SELECT string_agg(direction || ' ' || coalesce(status, '-'), ',' ORDER BY external_id) FROM messages";
    assert_eq!(
        house.text(messages).await,
        "inbound -,inbound -,outbound READ"
    );
}

#[tokio::test]
async fn a_token_or_a_fixed_header_lets_in_and_nothing_else() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let secret = "header:X-Clinic-Token:0123456789abcdef";
    let fixed = house
        .endpoint_with(&house.a, CHANNEL, Scheme::Evolution, secret)
        .await;
    let desk = house.desk();
    let body = upsert("alpha", "M1", false).to_string();
    let with = |value: &str| Ask::post(&fixed.path, &body).header("x-clinic-token", value);
    let at = |now| sign::evolution(SECRET, &endpoint.path, now, &body);
    desk.expect(&with("0123456789abcdef"), 200).await;
    desk.expect(&at(house.now), 200).await;
    for (ask, status) in [
        (with("0123456789abcdee"), 401),
        (Ask::post(&fixed.path, &body), 400),
        (Ask::post(&endpoint.path, &body), 400),
        (at(house.now - TimeDelta::minutes(12)), 401),
        (
            sign::evolution(
                "another key of this length",
                &endpoint.path,
                house.now,
                &body,
            ),
            401,
        ),
        // The token of one endpoint is nothing to the other.
        (sign::evolution(SECRET, &fixed.path, house.now, &body), 400),
        (Ask::get(&endpoint.path), 405),
        (sign::evolution(SECRET, &endpoint.path, house.now, "{"), 400),
    ] {
        desk.expect(&ask, status).await;
    }
    assert_eq!(desk.refused("webhook_stale").await, 1);
    assert!(!house.dump().await.contains("0123456789abcdef"));
}
