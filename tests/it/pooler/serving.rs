//! `serve`, with connections of a pooler's.

use std::time::Instant;

use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use crate::{
    common::Bouncer,
    serve::PATIENCE,
    webhooks::{
        house::{House, SECRET},
        sign,
    },
};

#[tokio::test]
async fn events_are_worked_on_and_changes_are_seen_without_listening() {
    let house = House::new().await;
    let bouncer = Bouncer::start(&house.db, 3, "");
    let settings = json!({ "agent_id": "agent_a" });
    house.set(&house.a, ChannelKind::Retell, settings).await;
    let endpoint = house
        .endpoint(&house.a, ChannelKind::Retell, Scheme::Retell)
        .await;
    let cli = house.cli().env("TENANTCTL_DATABASE_URL", &bouncer.url());
    let serving = house.serve(&cli, "", &[]);
    serving.wait_for_log("a connection pooler is in front of the database");
    let ask = |body: Value| {
        sign::retell(
            SECRET,
            &endpoint.path,
            house.session.now(),
            body.to_string(),
        )
        .over(serving.address())
    };
    let call = json!({ "event": "call_ended", "call": {
        "call_id": "call_1", "agent_id": "agent_a", "call_type": "phone_call",
        "start_timestamp": 1_700_000_000_000_i64, "end_timestamp": 1_700_000_060_000_i64 } });
    let told = ask(call);
    assert!((200..300).contains(&told.status), "{told:?}");
    house.wait_until_done().await;
    assert_eq!(house.events("done").await, 1);

    let inbound = json!({ "event": "call_inbound", "call_inbound": { "agent_id": "agent_a" } });
    let instructions = || {
        ask(inbound.clone()).json()["call_inbound"]["dynamic_variables"]["manual_instructions"]
            .clone()
    };
    for text in ["Ask for the name.", "Ask for the date of birth."] {
        let set = format!("instructions={text}");
        cli.ok(&["channel", "set", "retell", &set, "--org", "alpha"]);
        let begun = Instant::now();
        while instructions() != text {
            assert!(begun.elapsed() < PATIENCE, "{}", serving.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    assert!(
        serving
            .metrics()
            .contains("tenantctl_configuration_listening 0")
    );
}
