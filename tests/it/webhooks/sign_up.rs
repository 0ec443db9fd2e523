//! Confirmed users, as the identity provider tells them.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantctl::{domain::Role, services::invitations};

use super::{
    ask::Ask,
    house::{House, SIGN_UP_SECRET},
    sign,
};

const ID: &str = "ff7fc9ae-3b1b-4642-9241-64adb9848a03";
const MESSAGE: &str = "8b34dcdd-9df1-4c10-850a-b3277c653040";

/// With everything in it that a user can write themselves.
fn created(house: &House, id: &str, email: &str, message: &str) -> Value {
    json!({
        "metadata": {"uuid": message, "name": "after-user-created", "ip_address": "127.0.0.1"},
        "user": {
            "id": id, "email": email, "email_confirmed_at": "2025-04-29T20:13:24.755552Z",
            "app_metadata": {"provider": "email"}, "is_anonymous": false,
            "user_metadata": {"organization_id": house.b.id, "organization": "beta",
                "role": "owner", "name": "canary <b>Eve</b>"},
        },
    })
}

fn send(house: &House, id: &str, body: &Value) -> Ask {
    sign::standard(SIGN_UP_SECRET, id, house.now, body.to_string())
}

/// Slug and role of each membership, by address.
async fn memberships(house: &House) -> String {
    house
        .text(
            "SELECT coalesce(string_agg(concat_ws(' ', m.email, o.slug, m.role), ',' ORDER BY m.email), '')
               FROM organization_members m JOIN organizations o ON o.id = m.organization_id",
        )
        .await
}

#[tokio::test]
async fn who_was_invited_joins_and_others_get_their_own() {
    let house = House::new().await;
    let guests = ["ann@guests.example".parse().unwrap()];
    invitations::create(&house.session, house.a.id, &guests, Role::Viewer, 7, false)
        .await
        .unwrap();
    let desk = house.desk();
    let ann = created(&house, ID, "Ann@Guests.example", MESSAGE);
    let bob_id = "00000000-0000-4000-8000-000000000002";
    let bob = created(
        &house,
        bob_id,
        "bob@others.example",
        "00000000-0000-4000-8000-0000000000b1",
    );
    desk.expect(&send(&house, "msg_1", &ann), 204).await;
    desk.expect(&send(&house, "msg_2", &bob), 204).await;
    house.work().await;
    let expected = "ann@guests.example alpha viewer,bob@others.example bob owner";
    assert_eq!(memberships(&house).await, expected);
    // Told again in every way, nobody gets anything more.
    let another = created(
        &house,
        bob_id,
        "bob@others.example",
        "00000000-0000-4000-8000-0000000000b2",
    );
    let row = json!({"type": "UPDATE", "schema": "auth", "table": "users", "record": bob["user"]});
    for (id, body) in [
        // Another delivery of the same event: the id changes with each.
        ("msg_3", &bob),
        ("msg_4", &another),
        ("msg_5", &row),
        ("msg_5", &row),
    ] {
        desk.expect(&send(&house, id, body), 204).await;
        house.work().await;
    }
    assert_eq!(memberships(&house).await, expected);
    assert_eq!(house.count("SELECT count(*) FROM users").await, 2);
    let told = "SELECT string_agg(status || coalesce(email, ''), ',') FROM sign_up_events";
    assert_eq!(
        house.text(told).await,
        "done,done,done,done",
        "without addresses"
    );
    let dump = house.dump().await;
    assert!(!dump.contains("canary"), "nothing of user_metadata is kept");
}

#[tokio::test]
async fn what_confirms_nobody_does_nothing() {
    let house = House::new().await;
    let desk = house.desk();
    let with = |path: [&str; 2], value: Value| {
        let mut body = created(&house, ID, "ann@guests.example", MESSAGE);
        body[path[0]][path[1]] = value;
        body
    };
    for body in [
        with(["user", "email_confirmed_at"], json!(null)),
        with(["user", "email"], json!("")),
        with(["user", "is_anonymous"], json!(true)),
        with(["user", "banned_until"], json!("2030-01-01T00:00:00Z")),
        with(["metadata", "name"], json!("before-user-created")),
        with(["metadata", "name"], json!("send-email")),
        json!({}),
    ] {
        desk.expect(&send(&house, "msg_1", &body), 204).await;
    }
    house.work().await;
    assert_eq!(house.count("SELECT count(*) FROM sign_up_events").await, 0);
    assert_eq!(house.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn signatures_are_checked_in_every_form() {
    let house = House::new().await;
    let desk = house.desk();
    let body = created(&house, ID, "ann@guests.example", MESSAGE);
    let good = send(&house, "msg_1", &body);
    let with = |signature: String| {
        let mut ask = good.clone();
        ask.headers[3].1 = signature.into_bytes();
        ask
    };
    let signature = String::from_utf8(good.headers[3].1.clone()).unwrap();
    for signature in [
        format!("v1,AAAA {signature}"),
        format!("{signature}, v1,AAAA"),
    ] {
        desk.expect(&with(signature), 204).await;
    }
    let mut tampered = good.clone();
    tampered.body = created(&house, ID, "eve@guests.example", MESSAGE)
        .to_string()
        .into();
    let mut other_id = good.clone();
    other_id.headers[1].1 = b"msg_2".to_vec();
    let mut without = good.clone();
    without.headers.pop();
    let text = body.to_string();
    let at = |minutes| house.now + TimeDelta::minutes(minutes);
    for (ask, status) in [
        (tampered, 401),
        (other_id, 401),
        (without, 400),
        (with("v1,AAAA".to_owned()), 401),
        (with("v2,AAAA".to_owned()), 400),
        (sign::standard(SIGN_UP_SECRET, "msg_1", at(-6), &text), 401),
        (sign::standard(SIGN_UP_SECRET, "msg_1", at(6), &text), 401),
        (
            sign::standard(
                "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                "msg_1",
                house.now,
                &text,
            ),
            401,
        ),
        (Ask::get("/webhooks/sign-up"), 405),
    ] {
        desk.expect(&ask, status).await;
    }
    assert_eq!(desk.refused("webhook_stale").await, 2);
    assert_eq!(desk.refused("webhook_wrong").await, 4);
    assert_eq!(house.count("SELECT count(*) FROM sign_up_events").await, 1);
}

/// An address that is another user's: told to who looks, and given up in the end.
#[tokio::test]
async fn a_sign_up_that_cannot_be_is_tried_again_and_given_up() {
    let house = House::new().await;
    let desk = house.desk();
    let first = created(&house, ID, "ann@guests.example", MESSAGE);
    desk.expect(&send(&house, "msg_1", &first), 204).await;
    house.work().await;
    let other = "00000000-0000-4000-8000-000000000002";
    let second = created(&house, other, "ann@guests.example", other);
    desk.expect(&send(&house, "msg_2", &second), 204).await;
    for attempt in 1..=10 {
        house.work().await;
        let state =
            "SELECT concat_ws(' ', status, attempts) FROM sign_up_events WHERE user_id LIKE '0%'";
        let status = if attempt < 10 { "pending" } else { "dead" };
        assert_eq!(house.text(state).await, format!("{status} {attempt}"));
        house
            .db
            .execute("UPDATE sign_up_events SET run_at = now() WHERE status = 'pending'")
            .await;
    }
    assert_eq!(memberships(&house).await, "ann@guests.example ann owner");
}

#[tokio::test]
async fn an_operator_gives_a_sign_up_up_and_has_it_done_after_all() {
    let house = House::new().await;
    let cli = house.cli();
    let desk = house.desk();
    let ann = created(&house, ID, "ann@guests.example", MESSAGE);
    desk.expect(&send(&house, "msg_1", &ann), 204).await;
    let told = cli.json(&["webhook", "sign-ups", "list"]);
    assert_eq!(told[0]["status"], "pending");
    assert_eq!(told[0]["email"], "ann@guests.example");
    let id = told[0]["id"].as_str().unwrap();

    let discarded = cli.json(&["webhook", "sign-ups", "discard", id]);
    assert_eq!(discarded["status"], "discarded");
    house.work().await;
    assert_eq!(house.count("SELECT count(*) FROM users").await, 0);

    let replayed = cli.json(&["webhook", "sign-ups", "replay", id]);
    assert_eq!(replayed["status"], "pending");
    house.work().await;
    assert_eq!(house.count("SELECT count(*) FROM users").await, 1);
    let done = cli.json(&["webhook", "sign-ups", "list", "--status", "done"]);
    assert_eq!(done[0]["email"], Value::Null, "gone when it is done");

    for (verb, id, code) in [
        ("replay", id, 4),
        ("discard", id, 4),
        ("replay", "0197a3b0-0000-7000-8000-000000000001", 3),
    ] {
        cli.fails(code, &["webhook", "sign-ups", verb, id]);
    }
    let told = "SELECT string_agg(action, ' ' ORDER BY sequence) FROM platform_activity_log
                 WHERE object_type = 'sign_up_event'";
    assert_eq!(
        house.text(told).await,
        "sign_up_event.discard sign_up_event.replay"
    );
}
