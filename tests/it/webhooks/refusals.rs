//! What is refused, whatever it says of itself: counted, stored nowhere, and not in the log.

use chrono::TimeDelta;
use serde_json::json;
use tenantctl::{
    domain::{ChannelKind, webhook::Scheme},
    services::webhooks::endpoints,
};

use super::{
    ask::Ask,
    house::{House, SECRET, SIGN_UP_SECRET},
    sign,
};

const CHANNEL: ChannelKind = ChannelKind::Retell;

fn ended(id: &str) -> String {
    json!({"event": "call_ended", "call": {
        "call_id": id, "agent_id": "agent_a", "transcript": "canary-of-a-patient"}})
    .to_string()
}

#[tokio::test]
async fn what_is_not_genuine_is_refused_and_counted() {
    let house = House::new().await;
    let endpoint = house.endpoint(&house.a, CHANNEL, Scheme::Retell).await;
    let theirs = house
        .endpoint_with(&house.b, CHANNEL, Scheme::Retell, "the secret of beta")
        .await;
    let off = house.endpoint(&house.a, CHANNEL, Scheme::Retell).await;
    endpoints::set_enabled(&house.session, house.a.id, off.id, false)
        .await
        .unwrap();
    let desk = house.desk();
    let path = &endpoint.path;
    let at = |seconds| house.now + TimeDelta::seconds(seconds);
    let good = sign::retell(SECRET, path, house.now, ended("c1"));
    let mut tampered = good.clone();
    tampered.body = ended("c2").into();
    let mut twice = good.clone();
    twice.headers.push(twice.headers[1].clone());
    let (start, last) = path.split_at(path.len() - 1);
    let unknown = format!("{start}{}", if last == "A" { "E" } else { "A" });
    for (ask, status, reason) in [
        (
            sign::retell(SECRET, path, at(-301), ended("c1")),
            401,
            "webhook_stale",
        ),
        (
            sign::retell(SECRET, path, at(301), ended("c1")),
            401,
            "webhook_stale",
        ),
        (tampered, 401, "webhook_wrong"),
        (
            sign::retell("wrong", path, house.now, ended("c1")),
            401,
            "webhook_wrong",
        ),
        (
            sign::retell("the secret of beta", path, house.now, ended("c1")),
            401,
            "webhook_wrong",
        ),
        (
            sign::retell(SECRET, &theirs.path, house.now, ended("c1")),
            401,
            "webhook_wrong",
        ),
        (Ask::post(path, ended("c1")), 400, "webhook_missing"),
        (twice, 400, "webhook_malformed"),
        (
            sign::retell(SECRET, path, house.now, "{"),
            400,
            "webhook_malformed",
        ),
        (
            sign::retell(SECRET, path, house.now, "x".repeat(1_048_577)),
            413,
            "body_too_large",
        ),
        (
            sign::retell(SECRET, &off.path, house.now, ended("c1")),
            404,
            "webhook_unknown_endpoint",
        ),
        (
            sign::retell(SECRET, &unknown, house.now, ended("c1")),
            404,
            "webhook_unknown_endpoint",
        ),
        (
            sign::retell(SECRET, "/webhooks/x", house.now, ended("c1")),
            404,
            "webhook_unknown_endpoint",
        ),
    ] {
        let before = desk.refused(reason).await;
        let told = desk.expect(&ask, status).await;
        assert_eq!(desk.refused(reason).await, before + 1, "{reason}");
        assert_eq!(told.content_type, "application/problem+json");
        assert!(!told.body.contains("canary"), "{}", told.body);
    }
    assert_eq!(house.count("SELECT count(*) FROM webhook_events").await, 0);
    desk.expect(&good, 200).await;
}

/// What was recorded and is sent again within its five minutes is the same event.
#[tokio::test]
async fn a_replay_has_no_second_effect() {
    let house = House::new().await;
    let endpoint = house.endpoint(&house.a, CHANNEL, Scheme::Retell).await;
    let ask = sign::retell(SECRET, &endpoint.path, house.now, ended("c1"));
    let desk = house.desk();
    for _ in 0..3 {
        desk.expect(&ask, 200).await;
        house.work().await;
    }
    let metrics = desk.send(&Ask::get("/metrics")).await.body;
    let counted = r#"{channel="retell",result="duplicate"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(
        house
            .count("SELECT sum(calls)::bigint FROM channel_usage")
            .await,
        1
    );
}

#[tokio::test]
async fn two_secrets_are_good_while_one_is_rotated_out() {
    let house = House::new().await;
    let endpoint = house.endpoint(&house.a, CHANNEL, Scheme::Retell).await;
    let ask = |secret: &str, at| sign::retell(secret, &endpoint.path, at, ended("c1"));
    let hour = TimeDelta::hours(1);
    house
        .rotate(&house.a, endpoint.id, "the second one", hour)
        .await;
    let desk = house.desk();
    for (secret, status) in [
        (SECRET, 200),
        ("the second one", 200),
        ("the third one", 401),
    ] {
        desk.expect(&ask(secret, house.now), status).await;
    }
    // The server knows both already: that one of them is over it sees by the clock.
    let later = house.now + hour + TimeDelta::seconds(30);
    let desk = house.desk_at(later);
    for (secret, status) in [(SECRET, 401), ("the second one", 200)] {
        desk.expect(&ask(secret, later), status).await;
    }
    // A second rotation ends the first one's time: two at most.
    house
        .rotate(&house.a, endpoint.id, "the third one", hour)
        .await;
    let desk = house.desk();
    for (secret, status) in [
        (SECRET, 401),
        ("the second one", 200),
        ("the third one", 200),
    ] {
        desk.expect(&ask(secret, house.now), status).await;
    }
    house
        .rotate(&house.a, endpoint.id, "the fourth one", TimeDelta::zero())
        .await;
    let desk = house.desk_at(house.session.now());
    for (secret, status) in [("the third one", 401), ("the fourth one", 200)] {
        desk.expect(&ask(secret, house.now), status).await;
    }
}

/// The log at its most talkative, with everything that can go right and wrong.
#[tokio::test]
async fn neither_secrets_nor_bodies_reach_the_log() {
    let house = House::new().await;
    house
        .set(&house.a, CHANNEL, json!({"agent_id": "agent_a"}))
        .await;
    let endpoint = house.endpoint(&house.a, CHANNEL, Scheme::Retell).await;
    let cli = house.cli();
    let serving = house.serve(&cli, "", &["-vv"]);
    let now = house.session.now();
    let send = |ask: Ask| ask.over(serving.address()).status;
    let path = &endpoint.path;
    let with_query = format!("{path}?canary-query=1");
    assert_eq!(
        send(sign::retell(SECRET, path, now, ended("canary-call"))),
        200
    );
    assert_eq!(
        send(sign::retell(SECRET, &with_query, now, ended("canary-2"))),
        200
    );
    assert_eq!(
        send(sign::retell("canary-wrong", path, now, ended("canary-3"))),
        401
    );
    assert_eq!(send(sign::retell(SECRET, path, now, "canary{")), 400);
    assert_eq!(send(Ask::post("/webhooks/canary-path", "canary")), 404);
    let user = json!({"metadata": {"name": "after-user-created"}, "user": {
        "id": "ff7fc9ae-3b1b-4642-9241-64adb9848a03", "email": "canary@example.com",
        "email_confirmed_at": "2025-04-29T20:13:24Z"}});
    let sign_up = sign::standard(SIGN_UP_SECRET, "canary-id", now, user.to_string());
    assert_eq!(send(sign_up), 204);
    let redeem = json!({"token": "canary", "call_sid": "canary"}).to_string();
    assert_eq!(send(Ask::post("/api/stream-tokens/redeem", redeem)), 403);
    // One that fails, too.
    house
        .db
        .execute("ALTER TABLE calls ADD CHECK (external_id NOT LIKE 'canary-bad%') NOT VALID")
        .await;
    assert_eq!(
        send(sign::retell(SECRET, path, now, ended("canary-bad"))),
        200
    );
    serving.wait_for_log("an event was not processed");
    let (_, _, log) = serving.stop();
    assert!(log.contains("/webhooks/{endpoint}"), "{log}");
    for secret in ["canary", &SIGN_UP_SECRET[6..], path] {
        let found = log.lines().find(|line| line.contains(secret));
        assert!(found.is_none(), "{secret}: {found:?}");
    }
}
