//! Twilio: calls, their status, and the token that lets their media stream in.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantctl::{
    confirm::Confirmed,
    domain::{ChannelKind, Organization, webhook::Scheme},
    services::organizations,
};

use super::{
    PUBLIC_URL,
    ask::Ask,
    house::{Endpoint, House, SECRET},
    sign,
};

const CHANNEL: ChannelKind = ChannelKind::TwilioRealtime;

fn stream() -> Value {
    json!({"stream_url": "wss://voice.clinic.example/media", "greeting": "Grüezi & \"hoi\""})
}

async fn open(house: &House, of: &Organization) -> Endpoint {
    house.set(of, CHANNEL, stream()).await;
    house.endpoint(of, CHANNEL, Scheme::Twilio).await
}

fn call<'a>(sid: &'a str, status: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AccountSid", "AC1"),
        ("CallSid", sid),
        ("CallStatus", status),
        ("Direction", "inbound"),
        ("From", "+41443643532"),
        ("To", "+15005550006"),
        ("CallerName", ""),
    ]
}

fn incoming(endpoint: &Endpoint, sid: &str) -> Ask {
    sign::twilio(SECRET, &endpoint.path, &call(sid, "ringing"))
}

#[tokio::test]
async fn a_call_is_connected_and_its_stream_let_in_once() {
    let house = House::new().await;
    let endpoint = open(&house, &house.a).await;
    let desk = house.desk();
    let told = desk.expect(&incoming(&endpoint, "CA1"), 200).await;
    assert!(told.content_type.starts_with("text/xml"), "{told:?}");
    let stream = "<Connect><Stream url=\"wss://voice.clinic.example/media\">";
    assert!(told.body.contains(stream), "{}", told.body);
    let id = house.a.id.to_string();
    for (name, value) in [
        ("organization_id", id.as_str()),
        ("channel", "twilio_realtime"),
        ("agent_mode", "single"),
        ("language", "de-CH"),
        ("greeting", "Grüezi &amp; &quot;hoi&quot;"),
    ] {
        assert_eq!(told.parameter(name), value);
    }
    let token = told.parameter("token");
    assert!(
        !house.dump().await.contains(&token),
        "only its hash is kept"
    );

    for (token, call, why) in [
        (token.as_str(), "CA2", "of another call"),
        (&token[1..], "CA1", "cut"),
        (&token.replace(&token[60..], "AAAA"), "CA1", "another one"),
        ("", "CA1", "none"),
    ] {
        assert_eq!(desk.redeem(token, call).await.status, 403, "{why}");
    }
    let let_in = desk.redeem(&token, "CA1").await;
    assert_eq!(let_in.status, 200);
    assert_eq!(
        let_in.json(),
        json!({"organization_id": house.a.id, "channel": "twilio_realtime"})
    );
    assert_eq!(desk.redeem(&token, "CA1").await.status, 403, "used up");
    assert_eq!(desk.refused("stream_token").await, 5);
}

#[tokio::test]
async fn a_stream_that_comes_late_or_to_a_suspended_organization_is_not_let_in() {
    let house = House::new().await;
    let endpoint = open(&house, &house.a).await;
    let desk = house.desk();
    let mut tokens = Vec::new();
    for sid in ["CA1", "CA2", "CA3"] {
        let told = desk.expect(&incoming(&endpoint, sid), 200).await;
        tokens.push(told.parameter("token"));
    }
    let in_time = house.desk_at(house.now + TimeDelta::seconds(119));
    assert_eq!(in_time.redeem(&tokens[0], "CA1").await.status, 200);
    let late = house.desk_at(house.now + TimeDelta::seconds(120));
    assert_eq!(late.redeem(&tokens[1], "CA2").await.status, 403);
    organizations::suspend(&house.session, house.a.id, Confirmed::by_flag())
        .await
        .unwrap();
    assert_eq!(in_time.redeem(&tokens[2], "CA3").await.status, 403);
}

/// What is not a token, or no JSON, is refused, and never the server's fault.
#[tokio::test]
async fn tokens_that_are_none_are_refused() {
    let house = House::new().await;
    let endpoint = open(&house, &house.a).await;
    let desk = house.desk();
    let told = desk.expect(&incoming(&endpoint, "CA1"), 200).await;
    let token = told.parameter("token");
    let ask = |body: String| Ask::post("/api/stream-tokens/redeem", body);
    for (body, status) in [
        (
            json!({"token": token, "call_sid": "CA1\0"}).to_string(),
            403,
        ),
        (json!({"token": token}).to_string(), 400),
        (json!({"token": token, "call_sid": 1}).to_string(), 400),
        (
            json!({"token": token, "call_sid": "CA1", "more": 1}).to_string(),
            400,
        ),
        ("{".to_owned(), 400),
        (" ".repeat(5_000), 413),
    ] {
        desk.expect(&ask(body), status).await;
    }
    assert_eq!(desk.redeem(&token, "CA1").await.status, 200);
}

#[tokio::test]
async fn nobody_is_left_without_a_word_and_the_call_is_recorded() {
    let house = House::new().await;
    let off = house.endpoint(&house.a, CHANNEL, Scheme::Twilio).await;
    let suspended = open(&house, &house.b).await;
    organizations::suspend(&house.session, house.b.id, Confirmed::by_flag())
        .await
        .unwrap();
    for (endpoint, sid, language, words) in [
        (&off, "CA1", "de-DE", "Guten Tag."),
        (&suspended, "CA2", "en-US", "Hello."),
    ] {
        let told = house.desk().expect(&incoming(endpoint, sid), 200).await;
        let say = format!("<Say language=\"{language}\">{words}");
        assert!(told.body.contains(&say), "{}", told.body);
        assert!(told.body.contains("<Hangup/>") && !told.body.contains("Stream"));
    }
    house.work().await;
    assert_eq!(house.events("done").await, 2);
    let calls = "SELECT count(*) FROM calls WHERE status = 'ringing'";
    assert_eq!(house.count(calls).await, 2);
    assert_eq!(house.count("SELECT count(*) FROM stream_tokens").await, 0);
}

#[tokio::test]
async fn a_call_is_counted_once_whatever_is_told_of_it() {
    let house = House::new().await;
    let endpoint = open(&house, &house.a).await;
    let desk = house.desk();
    let status = |status, sequence, more: &[(&'static str, &'static str)]| {
        let mut form = call("CA1", status);
        form.push(("SequenceNumber", sequence));
        form.extend(more);
        sign::twilio(SECRET, &endpoint.path, &form)
    };
    let over = status("completed", "3", &[("CallDuration", "73")]);
    let asks = [
        incoming(&endpoint, "CA1"),
        status("ringing", "0", &[]),
        over.clone(),
        // The same again, by Twilio's token and without one; and late news of before.
        over.clone(),
        over.clone().header("i-twilio-idempotency-token", "t1"),
        over.clone().header("i-twilio-idempotency-token", "t1"),
        over.header("i-twilio-idempotency-token", "t2"),
        status("in-progress", "1", &[]),
    ];
    for ask in &asks {
        let told = desk.expect(ask, 200).await;
        assert!(told.body.contains("<Response>"), "{}", told.body);
        house.work().await;
    }
    assert_eq!(house.events("done").await, 6);
    let calls = "SELECT string_agg(concat_ws(' ', external_id, direction, status, duration_seconds), ',') FROM calls";
    assert_eq!(house.text(calls).await, "CA1 inbound completed 73");
    let usage = "SELECT string_agg(concat_ws(' ', channel, calls, call_seconds, messages), ',') FROM channel_usage";
    assert_eq!(house.text(usage).await, "twilio_realtime 1 73 0");
}

/// Twilio signs no time. A request that comes again opens no door to a call that is over.
#[tokio::test]
async fn a_request_that_was_recorded_lets_nobody_into_a_call_that_is_over() {
    let house = House::new().await;
    let endpoint = open(&house, &house.a).await;
    let recorded = incoming(&endpoint, "CA1");
    let desk = house.desk();
    for token in ["t1", "t1", "t2"] {
        // While the call lasts, Twilio may try again, and asks anew after a redirection.
        let again = recorded.clone().header("i-twilio-idempotency-token", token);
        assert!(desk.expect(&again, 200).await.body.contains("<Stream"));
        house.work().await;
    }
    let day = house.desk_at(house.now + TimeDelta::hours(25));
    assert!(!day.expect(&recorded, 200).await.body.contains("<Stream"));
    let mut over = call("CA1", "completed");
    over.push(("CallDuration", "73"));
    let over = sign::twilio(SECRET, &endpoint.path, &over);
    desk.expect(&over, 200).await;
    house.work().await;
    for token in ["t1", "t3"] {
        let again = recorded.clone().header("i-twilio-idempotency-token", token);
        let told = desk.expect(&again, 200).await;
        assert!(!told.body.contains("token"), "{}", told.body);
    }
    assert_eq!(house.count("SELECT count(*) FROM stream_tokens").await, 3);
}

#[tokio::test]
async fn every_form_of_signature_is_checked() {
    let house = House::new().await;
    let endpoint = open(&house, &house.a).await;
    let path = &endpoint.path;
    let desk = house.desk();
    let form = call("CA1", "ringing");
    let query = "CallSid=CA2&CallStatus=ringing&Direction=inbound&To=%2B1&x=a%20b";
    let json = json!({"CallSid": "CA3", "CallStatus": "completed", "CallDuration": 5});
    let with_port = PUBLIC_URL.replace(".example/", ".example:443/");
    for ask in [
        sign::twilio_at(SECRET, &format!("{PUBLIC_URL}{path}"), path, &form),
        sign::twilio_at(SECRET, &format!("{with_port}{path}"), path, &form),
        sign::twilio_get(SECRET, path, query),
        sign::twilio_json(SECRET, path, json.to_string()),
    ] {
        desk.expect(&ask, 200).await;
    }
    house.work().await;
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 3);

    let other_port = PUBLIC_URL.replace(".example/", ".example:8443/");
    let mut other_query = sign::twilio_get(SECRET, path, query);
    other_query.target = other_query.target.replace("CA2", "CA9");
    let mut other_body = sign::twilio_json(SECRET, path, json.to_string());
    other_body.body = json.to_string().replace("CA3", "CA9").into();
    let mut unsigned = sign::twilio(SECRET, path, &form);
    unsigned.headers.pop();
    for (ask, status) in [
        (
            sign::twilio_at(SECRET, &format!("{other_port}{path}"), path, &form),
            403,
        ),
        // What the server itself is called is nobody's business.
        (
            sign::twilio_at(SECRET, &format!("http://x{path}"), path, &form),
            403,
        ),
        (other_query, 403),
        (other_body, 403),
        (unsigned, 400),
        (
            Ask::post(path, json.to_string()).header("x-twilio-signature", "x"),
            400,
        ),
    ] {
        desk.expect(&ask, status).await;
    }
    assert_eq!(desk.refused("webhook_wrong").await, 4);
    assert_eq!(desk.refused("webhook_missing").await, 1);
    assert_eq!(desk.refused("webhook_malformed").await, 1);
    assert_eq!(house.count("SELECT count(*) FROM webhook_events").await, 3);
}

#[tokio::test]
async fn a_number_of_another_organization_is_not_answered() {
    let house = House::new().await;
    let endpoint = open(&house, &house.a).await;
    let theirs = json!({"phone_numbers": ["+41443643532"]});
    house
        .set(&house.b, ChannelKind::TwilioStandard, theirs)
        .await;
    let mut form = call("CA1", "ringing");
    form.retain(|(name, _)| *name != "To");
    form.push(("To", "+41443643532"));
    let ask = sign::twilio(SECRET, &endpoint.path, &form);
    let told = house.desk().expect(&ask, 200).await;
    assert!(told.body.contains("<Hangup/>"), "{}", told.body);
    house.work().await;
    let reason = house.text("SELECT reason FROM quarantined_events").await;
    assert_eq!(
        reason,
        "phone_number +41443643532 belongs to another organization"
    );
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 0);
}
