//! Retell: the answer to a call that is about to begin, calls that are over, and whose they are.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantctl::{
    domain::{ChannelKind, webhook::Scheme},
    services::agents,
};

use super::{
    ask::Ask,
    house::{Endpoint, House, SECRET},
    sign,
};

const CHANNEL: ChannelKind = ChannelKind::Retell;

async fn open(house: &House) -> Endpoint {
    let settings = json!({"agent_id": "agent_a", "phone_numbers": ["+41443643532"]});
    house.set(&house.a, CHANNEL, settings).await;
    let theirs = json!({"agent_id": "agent_b", "phone_numbers": ["+442083661177"]});
    house.set(&house.b, CHANNEL, theirs).await;
    house.endpoint(&house.a, CHANNEL, Scheme::Retell).await
}

fn send(house: &House, endpoint: &Endpoint, body: &Value) -> Ask {
    sign::retell(SECRET, &endpoint.path, house.now, body.to_string())
}

fn inbound(agent: &str, to: &str) -> Value {
    json!({"event": "call_inbound",
        "call_inbound": {"agent_id": agent, "from_number": "+12137771234", "to_number": to}})
}

fn ended(id: &str) -> Value {
    json!({"event": "call_ended", "call": {
        "call_id": id, "agent_id": "agent_a", "direction": "inbound",
        "from_number": "+12137771234", "to_number": "+41443643532",
        "start_timestamp": 1_714_608_475_945_i64, "end_timestamp": 1_714_608_491_736_i64,
        "disconnection_reason": "user_hangup", "transcript": "my tooth"}})
}

#[tokio::test]
async fn a_call_that_begins_is_answered_from_the_configuration() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    agents::change(&house.session, house.a.id, |agent| {
        let mut after = agent.clone();
        after.manual_ai_instructions = Some("Say nothing of Tuesdays.".to_owned());
        Ok(after)
    })
    .await
    .unwrap();
    let ask = send(&house, &endpoint, &inbound("agent_a", "+41443643532"));
    let told = house.desk().expect(&ask, 200).await;
    assert!(told.content_type.starts_with("application/json"));
    let answer = told.json();
    let answer = &answer["call_inbound"];
    let variables = answer["dynamic_variables"].as_object().unwrap();
    assert!(variables.values().all(Value::is_string), "{answer}");
    let spoken = |name: &str| variables[name].as_str().unwrap();
    assert_eq!(spoken("manual_instructions"), "Say nothing of Tuesdays.");
    assert_eq!(spoken("organization_name"), "Clinic alpha");
    assert_eq!(spoken("language"), "de-CH");
    assert_eq!(spoken("time_zone"), "Europe/Zurich");
    assert_eq!(answer["metadata"], json!({"organization_id": house.a.id}));
    // Two calls between the same numbers are two events, and neither is one yet that took place.
    let later = house.now + TimeDelta::milliseconds(1);
    let body = inbound("agent_a", "+41443643532").to_string();
    let again = sign::retell(SECRET, &endpoint.path, later, body);
    house.desk().expect(&again, 200).await;
    house.work().await;
    assert_eq!(house.events("done").await, 2);
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 0);
}

#[tokio::test]
async fn a_channel_that_is_off_declines() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let settings = json!({"agent_id": "agent_a"});
    house.change(&house.a, CHANNEL, settings, false).await;
    let ask = send(&house, &endpoint, &inbound("agent_a", "+41443643532"));
    let told = house.desk().expect(&ask, 200).await;
    assert_eq!(told.json(), json!({"call_inbound": {}}));
}

#[tokio::test]
async fn a_call_that_is_over_is_counted_once() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let desk = house.desk();
    let mut analyzed = ended("c1");
    analyzed["event"] = json!("call_analyzed");
    let mut started = ended("c1");
    started["event"] = json!("call_started");
    // The transcript may differ between two tries.
    let mut again = ended("c1");
    again["call"]["transcript"] = json!("my other tooth");
    for body in [&ended("c1"), &again, &analyzed, &started, &ended("c2")] {
        desk.expect(&send(&house, &endpoint, body), 200).await;
        house.work().await;
    }
    assert_eq!(house.events("done").await, 4);
    let usage =
        "SELECT string_agg(concat_ws(' ', day, calls, call_seconds), ',') FROM channel_usage";
    assert_eq!(house.text(usage).await, "2024-05-02 2 32");
    let calls =
        "SELECT string_agg(external_id || ' ' || status, ',' ORDER BY external_id) FROM calls";
    assert_eq!(house.text(calls).await, "c1 call_analyzed,c2 call_ended");
}

/// Endpoint, agent, number and hint: whichever names another organization, nobody gets the event.
#[tokio::test]
async fn what_names_another_organization_is_quarantined_and_says_why() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let desk = house.desk();
    let with = |name: &str, value: Value| {
        let mut body = ended(name);
        body["call"][name] = value;
        body
    };
    let mut outbound = with("direction", json!("outbound"));
    outbound["call"]["from_number"] = json!("+442083661177");
    let hint = |value: Value| with("metadata", json!({"organization_id": value}));
    let mut nonsense = hint(json!("clinic-north"));
    nonsense["call"]["call_id"] = json!("nonsense");
    let both = {
        let mut both = with("agent_id", json!("agent_b"));
        both["call"]["call_id"] = json!("both");
        both["call"]["to_number"] = json!("+442083661177");
        both
    };
    let agent = "retell_agent agent_b belongs to another organization";
    let number = "phone_number +442083661177 belongs to another organization";
    let of_another = format!("the metadata names another organization ({})", house.b.id);
    let of_none = "the metadata names something that is not an organization";
    for (body, why) in [
        (with("agent_id", json!("agent_b")), agent.to_owned()),
        (with("to_number", json!("+442083661177")), number.to_owned()),
        (outbound, number.to_owned()),
        (hint(json!(house.b.id)), of_another),
        (nonsense, of_none.to_owned()),
        (both, format!("{agent}; {number}")),
    ] {
        desk.expect(&send(&house, &endpoint, &body), 200).await;
        let key = format!("call_ended:{}", body["call"]["call_id"].as_str().unwrap());
        let reason =
            format!("SELECT reason FROM quarantined_events WHERE idempotency_key = '{key}'");
        assert_eq!(house.text(&reason).await, why, "{body}");
    }
    for (agent, number) in [("agent_b", "+41443643532"), ("agent_a", "+442083661177")] {
        let ask = send(&house, &endpoint, &inbound(agent, number));
        let told = desk.expect(&ask, 200).await;
        assert_eq!(told.json(), json!({"call_inbound": {}}), "{agent} {number}");
    }
    house.work().await;
    assert_eq!(house.quarantined("waiting").await, 8);
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 0);
    assert_eq!(house.count("SELECT count(*) FROM webhook_jobs").await, 0);
    // None of it is with a tenant.
    assert_eq!(house.count("SELECT count(*) FROM webhook_events").await, 0);
}

/// What belongs to no identity that was registered is nobody's, also where the own id is in its metadata;
/// what names nothing belongs to its call.
#[tokio::test]
async fn what_nobody_registered_is_not_taken() {
    let house = House::new().await;
    let endpoint = open(&house).await;
    let desk = house.desk();
    let mut body = ended("c1");
    body["call"]["agent_id"] = json!("agent_of_nobody");
    body["call"]["metadata"] = json!({"organization_id": house.a.id});
    desk.expect(&send(&house, &endpoint, &body), 200).await;
    let mut body = ended("c2");
    body["call"]["to_number"] = json!("+15005550006");
    desk.expect(&send(&house, &endpoint, &body), 200).await;
    let later = |event: &str, call: &str| json!({"event": event, "call": {"call_id": call}});
    desk.expect(&send(&house, &endpoint, &later("chat_started", "c3")), 200)
        .await;
    assert_eq!(house.quarantined("waiting").await, 3);
    desk.expect(&send(&house, &endpoint, &ended("c4")), 200)
        .await;
    house.work().await;
    for event in ["transcript_updated", "something_new"] {
        desk.expect(&send(&house, &endpoint, &later(event, "c4")), 200)
            .await;
    }
    house.work().await;
    assert_eq!(house.quarantined("waiting").await, 3);
    assert_eq!(house.events("done").await, 3);
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 1);
}
