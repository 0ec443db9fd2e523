//! Copies of one event that come at once, and the effect that they have together.

use serde_json::json;
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    ask::Ask,
    house::{House, SECRET},
    sign,
};

/// Sends all of them at once, each again for as long as there is no place for it.
fn send_at_once(asks: &[Ask], address: std::net::SocketAddr) {
    std::thread::scope(|scope| {
        for ask in asks {
            scope.spawn(move || {
                let mut status = 503;
                while status == 503 {
                    status = ask.over(address).status;
                }
                assert_eq!(status, 200);
            });
        }
    });
}

#[tokio::test]
async fn a_hundred_copies_have_one_effect() {
    let house = House::new().await;
    let call = house
        .endpoint(&house.a, ChannelKind::TwilioStandard, Scheme::Twilio)
        .await;
    let settings = json!({"phone_number_id": "11111"});
    house.set(&house.a, ChannelKind::Whatsapp, settings).await;
    let message = house
        .endpoint(&house.a, ChannelKind::Whatsapp, Scheme::Meta)
        .await;
    let cli = house.cli();
    let serving = house.serve(&cli, "", &[]);

    let form = [
        ("CallSid", "CA1"),
        ("CallStatus", "completed"),
        ("CallDuration", "73"),
        ("Direction", "inbound"),
    ];
    let over = sign::twilio(SECRET, &call.path, &form);
    let wrote = json!({"object": "whatsapp_business_account", "entry": [{"changes": [{
        "field": "messages", "value": {"metadata": {"phone_number_id": "11111"}, "messages": [
            {"id": "wamid.A", "from": "1", "timestamp": "1749416383", "type": "text",
             "text": {"body": "hello"}}]}}]}]});
    let wrote = sign::meta(SECRET, &message.path, wrote.to_string());
    send_at_once(&vec![over.clone(); 100], serving.address());
    send_at_once(&vec![wrote; 100], serving.address());
    // With tokens of their own they are events of their own, which say the same of the same call.
    let others: Vec<Ask> = (0..20)
        .map(|number| {
            over.clone()
                .header("i-twilio-idempotency-token", format!("t{number}"))
        })
        .collect();
    send_at_once(&others, serving.address());
    house.wait_until_done().await;

    assert_eq!(house.count("SELECT count(*) FROM webhook_events").await, 22);
    assert_eq!(
        house
            .count("SELECT count(*) FROM webhook_events WHERE attempts <> 1")
            .await,
        0
    );
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 1);
    assert_eq!(house.count("SELECT count(*) FROM messages").await, 1);
    let usage = "SELECT string_agg(concat_ws(' ', channel, calls, call_seconds, messages), ',' ORDER BY channel)
                   FROM channel_usage";
    assert_eq!(
        house.text(usage).await,
        "twilio_standard 1 73 0,whatsapp 0 0 1"
    );
    let metrics = serving.metrics();
    for counted in [
        r#"{channel="twilio_standard",result="duplicate"} 99"#,
        r#"{channel="whatsapp",result="duplicate"} 99"#,
        r#"{channel="any",result="done"} 22"#,
    ] {
        assert!(metrics.contains(counted), "{counted}\n{metrics}");
    }
}
