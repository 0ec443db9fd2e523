//! A running server hears of every change at once.

use std::time::Instant;

use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    ask::Told,
    house::{House, SECRET},
    sign,
};
use crate::serve::PATIENCE;

#[tokio::test]
async fn changes_are_live_in_a_server_that_runs() {
    let house = House::new().await;
    house
        .set(
            &house.a,
            ChannelKind::Retell,
            json!({"agent_id": "agent_a"}),
        )
        .await;
    let endpoint = house
        .endpoint(&house.a, ChannelKind::Retell, Scheme::Retell)
        .await;
    let cli = house.cli().env("NEXT", "the secret that is next");
    let serving = house.serve(&cli, "", &[]);
    let id = endpoint.id.to_string();
    let ask_with = |secret: &str| -> Told {
        let body = json!({"event": "call_inbound", "call_inbound": {"agent_id": "agent_a"}});
        sign::retell(
            secret,
            &endpoint.path,
            house.session.now(),
            body.to_string(),
        )
        .over(serving.address())
    };
    // Copies are kept for longer than this waits: only a notification makes it see.
    let wait = |secret: &str, what: &dyn Fn(&Told) -> bool| {
        let begun = Instant::now();
        loop {
            let told = ask_with(secret);
            if what(&told) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{told:?}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let variable = |told: &Told, name: &str| -> Value {
        told.json()["call_inbound"]["dynamic_variables"][name].clone()
    };
    let is_answered = |told: &Told| variable(told, "language") == "de-CH";
    let is_declined =
        |told: &Told| told.status == 200 && told.json() == json!({"call_inbound": {}});
    wait(SECRET, &is_answered);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    wait(SECRET, &is_answered);

    cli.ok(&[
        "channel",
        "set",
        "retell",
        "instructions=Ask for the name.",
        "--org",
        "alpha",
    ]);
    wait(SECRET, &|told| {
        variable(told, "manual_instructions") == "Ask for the name."
    });
    cli.ok(&["channel", "disable", "retell", "--org", "alpha"]);
    wait(SECRET, &is_declined);
    cli.ok(&["channel", "enable", "retell", "--org", "alpha"]);
    wait(SECRET, &is_answered);
    cli.ok(&["org", "suspend", "alpha", "--yes"]);
    wait(SECRET, &is_declined);
    cli.ok(&["org", "resume", "alpha"]);
    wait(SECRET, &is_answered);
    // The operator takes the agent away, and gives it back.
    let decide = |verb: &'static str| {
        let claim = ["channel", "claim", verb, "retell_agent", "agent_a"];
        cli.ok(&[&claim[..], &["--org", "alpha"]].concat());
    };
    decide("release");
    wait(SECRET, &is_declined);
    decide("approve");
    wait(SECRET, &is_answered);
    cli.ok(&["webhook", "endpoint", "disable", &id, "--org", "alpha"]);
    wait(SECRET, &|told| told.status == 404);
    cli.ok(&["webhook", "endpoint", "enable", &id, "--org", "alpha"]);
    wait(SECRET, &is_answered);
    let rotate = [
        "webhook",
        "endpoint",
        "rotate",
        &id,
        "--org",
        "alpha",
        "--overlap-hours",
        "0",
    ];
    cli.ok(&[&rotate[..], &["--secret-env", "NEXT"]].concat());
    wait("the secret that is next", &is_answered);
    assert_eq!(ask_with(SECRET).status, 401);
    cli.ok(&["org", "delete", "alpha", "--yes"]);
    wait("the secret that is next", &|told| told.status == 404);
    cli.ok(&["org", "purge", "alpha", "--now", "--yes"]);
    assert_eq!(ask_with("the secret that is next").status, 404);
}
