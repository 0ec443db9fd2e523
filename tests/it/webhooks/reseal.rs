//! `db reseal`: the keys of stored secrets are changed while everything goes on.

use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    house::{House, SECRET},
    sign,
};
use crate::common::{Cli, LINK_TEMPLATE, SECRET_KEYS, SmtpServer};

const NEW_KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// The binary with those keys, mailing to that server.
fn cli(house: &House, keys: &str, server: &SmtpServer) -> Cli {
    let cli = house.db.cli().env("TENANTCTL_SECRET_KEYS", keys);
    let file = cli.config_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let port = server.port();
    let mail = format!(
        "{LINK_TEMPLATE}[mail]\nsmtp_host = 'localhost'\nsmtp_port = {port}\ntls = 'none'\nfrom_address = 'a@clinic.example'\n"
    );
    std::fs::write(file, mail).unwrap();
    cli
}

async fn sealed(house: &House) -> String {
    let all = "SELECT string_agg(encode(sealed, 'hex'), ' ' ORDER BY sealed) FROM
        (SELECT sealed FROM webhook_secrets UNION ALL SELECT sealed_token FROM outbox) AS stored";
    house.text(all).await
}

fn resealed(secrets: u8, links: u8, current: u8) -> Value {
    json!({"schema_version": 1, "secrets": secrets, "links": links, "current": current, "unopened": []})
}

#[tokio::test]
async fn a_former_key_can_be_let_go() {
    let house = House::new().await;
    let call = house
        .endpoint(&house.a, ChannelKind::Retell, Scheme::Retell)
        .await;
    let message = house
        .endpoint(&house.b, ChannelKind::Whatsapp, Scheme::Meta)
        .await;
    let server = SmtpServer::open();
    let before = cli(&house, SECRET_KEYS, &server);
    before.ok(&[
        "invite",
        "create",
        "sam@x.example",
        "--role",
        "viewer",
        "--org",
        "alpha",
    ]);
    before.ok(&["org", "suspend", "beta", "--yes"]);
    assert_eq!(before.json(&["db", "reseal"]), resealed(0, 0, 4));

    let both = cli(&house, &format!("{NEW_KEY}\n{SECRET_KEYS}"), &server);
    let after = cli(&house, NEW_KEY, &server);
    let former = sealed(&house).await;
    let told = after.run(&["db", "reseal", "-o", "json"]);
    assert_eq!(told.code, 1, "{told:?}");
    let view: Value = serde_json::from_str(&told.stdout).unwrap();
    let unopened = view["unopened"].as_array().unwrap();
    assert_eq!(unopened.len(), 4, "{view}");
    assert_eq!(unopened[0]["id"], call.id.to_string(), "{view}");
    assert_eq!(unopened[1]["what"], "link of a message", "{view}");
    assert!(told.stderr.contains("4 stored secrets cannot be opened"));
    let rehearsed = both.json(&["db", "reseal", "--dry-run"]);
    assert_eq!(
        (&rehearsed["secrets"], &rehearsed["links"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(sealed(&house).await, former, "nothing was changed");

    assert_eq!(both.json(&["db", "reseal"]), resealed(3, 1, 0));
    assert_eq!(both.json(&["db", "reseal"]), resealed(0, 0, 4));
    assert_eq!(after.json(&["db", "reseal"]), resealed(0, 0, 4));
    before.fails(1, &["db", "reseal"]);
    for slug in ["alpha", "beta"] {
        let logged = after.json(&["activity", "list", "--org", slug]);
        let logged = logged.as_array().unwrap();
        let resealed = logged
            .iter()
            .filter(|entry| entry["action"] == "organization.reseal");
        assert_eq!(resealed.count(), 1, "{slug}");
        after.ok(&["activity", "verify", "--org", slug]);
    }

    after.ok(&["org", "resume", "beta", "--yes"]);
    let serving = house.serve(&after, "", &["--no-worker"]);
    let body = json!({"event": "call_ended", "call": {"call_id": "c"}}).to_string();
    let told = sign::retell(SECRET, &call.path, house.session.now(), body);
    assert_eq!(told.over(serving.address()).status, 200);
    let body = json!({"object": "whatsapp_business_account", "entry": [{"changes": [{
        "field": "messages", "value": {"metadata": {"phone_number_id": "1"}, "messages": [
            {"id": "wamid.A", "from": "1", "timestamp": "1749416383", "type": "text",
             "text": {"body": "hello"}}]}}]}]})
    .to_string();
    let told = sign::meta(SECRET, &message.path, body);
    assert_eq!(told.over(serving.address()).status, 200);
    drop(serving);
    let after = cli(&house, NEW_KEY, &server);
    after.ok(&["outbox", "send"]);
    let sent = after.json(&["outbox", "list", "--org", "alpha"]);
    assert_eq!(sent[0]["status"], "sent", "{sent}");
}
