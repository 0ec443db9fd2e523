//! An organization goes with everything that its webhooks brought.

use serde_json::json;
use tenantctl::{
    db::{self, TenantTx, webhooks::claims},
    domain::{
        ChannelKind, Organization,
        channel::identity::{ClaimStatus, Identity, IdentityKind},
        webhook::Scheme,
    },
};

use super::{
    house::{House, SECRET},
    sign,
};

/// An event of each channel: processed, quarantined, dead and waiting; a token, usage.
async fn fill(house: &House, of: &Organization, other: &Organization) {
    let stream = json!({"stream_url": "wss://voice.clinic.example/media"});
    house.set(of, ChannelKind::TwilioRealtime, stream).await;
    let agent = format!("agent_{}", of.slug);
    house
        .set(of, ChannelKind::Retell, json!({"agent_id": &agent}))
        .await;
    let twilio = house
        .endpoint(of, ChannelKind::TwilioRealtime, Scheme::Twilio)
        .await;
    let retell = house
        .endpoint(of, ChannelKind::Retell, Scheme::Retell)
        .await;
    let meta = house
        .endpoint(of, ChannelKind::Whatsapp, Scheme::Meta)
        .await;
    let desk = house.desk();
    let call = [
        ("CallSid", "CA1"),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
    ];
    desk.expect(&sign::twilio(SECRET, &twilio.path, &call), 200)
        .await;
    let ended = |id: &str| {
        json!({"event": "call_ended", "call": {"call_id": id, "agent_id": agent,
            "metadata": {"organization_id": if id == "c3" { other.id } else { of.id }}}})
    };
    let send = async |id: &str| {
        let ask = sign::retell(SECRET, &retell.path, house.now, ended(id).to_string());
        desk.expect(&ask, 200).await;
    };
    send("c1").await;
    send("c3").await;
    let message = json!({"id": "m1", "from": "1", "type": "text"});
    let value = json!({"metadata": {"phone_number_id": "1"}, "messages": [message]});
    let body = json!({"object": "whatsapp_business_account",
        "entry": [{"changes": [{"field": "messages", "value": value}]}]});
    desk.expect(&sign::meta(SECRET, &meta.path, body.to_string()), 200)
        .await;
    house.work().await;
    send("c4").await;
    // A claim that waits, as a tenant's own admin makes one.
    let mut tx = TenantTx::begin(&house.session.db, of.id).await.unwrap();
    let identity = Identity::parse(IdentityKind::EvolutionInstance, "claimed").unwrap();
    claims::insert(&mut tx, &[identity], ClaimStatus::Pending, house.now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// The number of rows of an organization, by table.
async fn rows(house: &House, of: &Organization) -> Vec<(&'static str, i64)> {
    let mut rows = Vec::new();
    for table in db::purge::TABLES {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE organization_id = '{}'",
            of.id
        );
        rows.push((*table, house.count(&sql).await));
    }
    rows
}

#[tokio::test]
async fn a_purge_takes_everything_of_one_and_nothing_of_another() {
    let house = House::new().await;
    fill(&house, &house.b, &house.a).await;
    fill(&house, &house.a, &house.b).await;
    let (ours, theirs) = (rows(&house, &house.a).await, rows(&house, &house.b).await);
    let of_webhooks = [
        "webhook_jobs",
        "webhook_events",
        "webhook_secrets",
        "webhook_endpoints",
        "stream_tokens",
        "calls",
        "messages",
        "channel_usage",
        "channel_identities",
        "channel_claims",
    ];
    for table in of_webhooks {
        let found = ours.iter().find(|(name, _)| *name == table).unwrap();
        assert!(found.1 > 0, "{table} is not put to the test");
    }
    let cli = house.cli();
    cli.ok(&["org", "delete", "alpha", "--yes"]);
    let purged = cli.json(&["org", "purge", "alpha", "--now", "--yes"]);
    for (table, number) in &ours {
        let told = purged["removed"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["table"] == *table);
        // Deleting was told in the log, too, and gave up what the organization held.
        let expected = match *table {
            "activity_log" => continue,
            "channel_identities" => 0,
            "channel_claims" => number + 1,
            _ => *number,
        };
        assert_eq!(told.unwrap()["rows"], expected, "{table}");
    }
    assert!(
        rows(&house, &house.a)
            .await
            .iter()
            .all(|(_, number)| *number == 0)
    );
    assert_eq!(rows(&house, &house.b).await, theirs);
    let quarantined = "SELECT count(*) FILTER (WHERE o.id IS NULL) || ' ' || count(o.id)
                         FROM quarantined_events LEFT JOIN organizations o ON o.id = endpoint_organization";
    assert_eq!(house.text(quarantined).await, "0 1");
    // What of theirs waited is done as before.
    house.work().await;
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 3);
}
