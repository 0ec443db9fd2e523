//! Whose an event is, in every scheme and spelling: nobody's, unless something names the organization and
//! nothing contradicts.

use serde_json::{Value, json};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    ask::{Ask, Told},
    house::{Desk, Endpoint, House, SECRET},
    sign,
};
use crate::serve::PATIENCE;

/// A scheme, with identities of `alpha`, of `beta`, and of nobody.
struct Case {
    channel: ChannelKind,
    scheme: Scheme,
    key: &'static str,
    own: &'static str,
    theirs: &'static str,
    unknown: &'static str,
}

const CASES: &[Case] = &[
    Case {
        channel: ChannelKind::TwilioRealtime,
        scheme: Scheme::Twilio,
        key: "phone_numbers",
        own: "+41443643532",
        theirs: "+442083661177",
        unknown: "+15005550006",
    },
    Case {
        channel: ChannelKind::Retell,
        scheme: Scheme::Retell,
        key: "agent_id",
        own: "agent_a",
        theirs: "agent_b",
        unknown: "agent_c",
    },
    Case {
        channel: ChannelKind::Whatsapp,
        scheme: Scheme::Meta,
        key: "phone_number_id",
        own: "11111",
        theirs: "22222",
        unknown: "33333",
    },
    Case {
        channel: ChannelKind::Whatsapp,
        scheme: Scheme::Evolution,
        key: "instance_name",
        own: "alpha",
        theirs: "beta",
        unknown: "nobody",
    },
];

impl Case {
    fn settings(&self, value: &str) -> Value {
        match self.key {
            "phone_numbers" => json!({
                "phone_numbers": [value], "stream_url": "wss://voice.clinic.example/media" }),
            key => json!({ key: value }),
        }
    }

    /// An event that asks for an answer, or brings a message.
    fn ask(&self, house: &House, endpoint: &Endpoint, id: &str, names: &str) -> Ask {
        let path = &endpoint.path;
        match self.scheme {
            Scheme::Twilio => {
                let call = [
                    ("CallSid", id),
                    ("CallStatus", "ringing"),
                    ("Direction", "inbound"),
                    ("From", "+12025550199"),
                    ("To", names),
                ];
                sign::twilio(SECRET, path, &call)
            }
            Scheme::Retell => {
                let body = json!({"event": "call_inbound", "event_timestamp": 1, "call_inbound": {
                    "agent_id": names, "from_number": "+12025550199", "id": id}});
                sign::retell(SECRET, path, house.now, body.to_string())
            }
            Scheme::Meta => {
                let body = meta(&[(names, id, "canary text")]);
                sign::meta(SECRET, path, body.to_string())
            }
            _ => {
                let body = json!({"event": "messages.upsert", "instance": names, "data": {
                    "key": {"remoteJid": "1@s.whatsapp.net", "fromMe": false, "id": id},
                    "message": {"conversation": "canary text"}, "messageTimestamp": 1_717_775_575}});
                sign::evolution(SECRET, path, house.now, body.to_string())
            }
        }
    }

    /// Whether the answer serves the caller as the organization's.
    fn is_served(&self, told: &Told) -> bool {
        match self.scheme {
            Scheme::Twilio => told.body.contains("<Stream"),
            Scheme::Retell => told.json()["call_inbound"] != json!({}),
            // Nothing is answered either way.
            _ => true,
        }
    }

    fn is_answered(&self) -> bool {
        matches!(self.scheme, Scheme::Twilio | Scheme::Retell)
    }
}

fn meta(messages: &[(&str, &str, &str)]) -> Value {
    let changes: Vec<Value> = messages
        .iter()
        .map(|(phone, id, text)| {
            json!({"field": "messages", "value": {
                "metadata": {"phone_number_id": phone},
                "messages": [{"from": "16505551234", "id": id, "timestamp": "1749416383",
                    "type": "text", "text": {"body": text}}]}})
        })
        .collect();
    json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]})
}

/// What is with tenants and what is with the platform, after sending.
async fn sent(house: &House, desk: &Desk, case: &Case, ask: &Ask) -> (bool, i64, i64) {
    let count = async || {
        let events = house.count("SELECT count(*) FROM webhook_events").await;
        (events, house.quarantined("waiting").await)
    };
    let before = count().await;
    let told = desk.expect(ask, 200).await;
    let after = count().await;
    let served = case.is_answered() && case.is_served(&told);
    (served, after.0 - before.0, after.1 - before.1)
}

#[tokio::test]
async fn there_is_no_default_organization_in_any_scheme() {
    for case in CASES {
        let house = House::new().await;
        house
            .set(&house.a, case.channel, case.settings(case.own))
            .await;
        house
            .set(&house.b, case.channel, case.settings(case.theirs))
            .await;
        let endpoint = house.endpoint(&house.a, case.channel, case.scheme).await;
        let desk = house.strict_desk();
        let taken = (case.is_answered(), 1, 0);
        let held = (false, 0, 1);
        for (id, names, expected) in [
            ("E1", case.own, taken),
            ("E2", case.theirs, held),
            ("E3", case.unknown, held),
        ] {
            let ask = case.ask(&house, &endpoint, id, names);
            let got = sent(&house, &desk, case, &ask).await;
            assert_eq!(got, expected, "{} {names}", case.scheme);
            // Delivered again: nothing new, whatever became of it.
            let again = sent(&house, &desk, case, &ask).await;
            assert_eq!((again.1, again.2), (0, 0), "{} {names}", case.scheme);
        }
        // With the rule that accepts, a registered identity still decides.
        let desk = house.desk();
        let ask = case.ask(&house, &endpoint, "E4", case.unknown);
        assert_eq!(
            sent(&house, &desk, case, &ask).await,
            held,
            "{}",
            case.scheme
        );
        house.work().await;
        let texts = house
            .count("SELECT count(*) FROM messages WHERE body = 'canary text'")
            .await;
        assert!(
            texts <= 1,
            "{}: only the own message is stored",
            case.scheme
        );
    }
}

#[tokio::test]
async fn where_none_is_registered_the_operator_adopts_the_first() {
    for case in CASES {
        let house = House::new().await;
        let mut none = case.settings(case.own);
        none[case.key] = match case.key {
            "phone_numbers" => json!([]),
            _ => Value::Null,
        };
        house.set(&house.a, case.channel, none).await;
        house
            .set(&house.b, case.channel, case.settings(case.theirs))
            .await;
        let endpoint = house.endpoint(&house.a, case.channel, case.scheme).await;
        let (taken, held) = ((case.is_answered(), 1, 0), (false, 0, 1));

        // Accepted where it is nobody's; what another holds never.
        let desk = house.desk();
        let ask = case.ask(&house, &endpoint, "E1", case.unknown);
        assert_eq!(
            sent(&house, &desk, case, &ask).await,
            taken,
            "{}",
            case.scheme
        );
        let ask = case.ask(&house, &endpoint, "E2", case.theirs);
        assert_eq!(
            sent(&house, &desk, case, &ask).await,
            held,
            "{}",
            case.scheme
        );

        let first = case.ask(&house, &endpoint, "E3", case.own);
        let got = sent(&house, &house.strict_desk(), case, &first).await;
        assert_eq!(got, held, "{}", case.scheme);
        let id = "SELECT id::text FROM quarantined_events WHERE reason LIKE '%has registered no%'";
        let id = house.text(id).await;
        let cli = house.cli();
        let told = cli.json(&["webhook", "quarantine", "adopt", &id]);
        assert_eq!(told["assigned_organization"], "alpha", "{told}");
        let channel = case.channel.as_str();
        let shown = cli.json(&["channel", "show", channel, "--org", "alpha"]);
        assert_eq!(shown["claims"][0]["status"], "granted", "{shown}");
        assert_eq!(shown["claims"][0]["value"], case.own);
        house.work().await;
        assert_eq!(house.events("pending").await, 0);
        // From now on they are alpha's own, and the first is not processed a second time.
        let desk = house.strict_desk();
        let again = sent(&house, &desk, case, &first).await;
        assert_eq!((again.1, again.2), (0, 0), "{}", case.scheme);
        let next = case.ask(&house, &endpoint, "E4", case.own);
        assert_eq!(
            sent(&house, &desk, case, &next).await,
            taken,
            "{}",
            case.scheme
        );
    }
}

/// The same number, however it is written; and what only looks like it.
#[tokio::test]
async fn a_number_is_known_in_every_spelling() {
    let house = House::new().await;
    let case = &CASES[0];
    house
        .set(&house.a, case.channel, case.settings(case.own))
        .await;
    house
        .set(&house.b, case.channel, case.settings(case.theirs))
        .await;
    let endpoint = house.endpoint(&house.a, case.channel, case.scheme).await;
    let desk = house.strict_desk();
    for (at, (to, served)) in [
        ("+41 44 364 35 32", true),
        ("0041443643532", true),
        ("tel:+41443643532", true),
        ("+44 20 8366 1177", false),
        ("00442083661177", false),
        ("tel:+442083661177", false),
        ("sip:+41443643532@voice.example", false),
        ("client:+41443643532", false),
        ("41443643532", false),
        ("+4144364353", false),
        ("anonymous", false),
    ]
    .into_iter()
    .enumerate()
    {
        let ask = case.ask(&house, &endpoint, &format!("CA{at}"), to);
        let (is_served, ..) = sent(&house, &desk, case, &ask).await;
        assert_eq!(is_served, served, "{to}");
    }
    // A call whose direction nobody tells, and one without a number.
    for (id, more) in [
        (
            "CB1",
            vec![("From", "+12025550199"), ("To", "+442083661177")],
        ),
        (
            "CB2",
            vec![("Direction", "outbound-api"), ("From", "+442083661177")],
        ),
        ("CB3", vec![("Direction", "inbound")]),
        ("CB4", Vec::new()),
    ] {
        let mut call = vec![("CallSid", id), ("CallStatus", "completed")];
        call.extend(more);
        let ask = sign::twilio(SECRET, &endpoint.path, &call);
        assert_eq!(sent(&house, &desk, case, &ask).await, (false, 0, 1), "{id}");
    }
}

/// One request for several numbers: each part goes its own way, and none of its text to another.
#[tokio::test]
async fn a_batch_for_several_numbers_is_split() {
    let house = House::new().await;
    let case = &CASES[2];
    house
        .set(&house.a, case.channel, case.settings(case.own))
        .await;
    house
        .set(&house.b, case.channel, case.settings(case.theirs))
        .await;
    let endpoint = house.endpoint(&house.a, case.channel, case.scheme).await;
    let batch = meta(&[
        (case.own, "m1", "text for alpha"),
        (case.theirs, "m1", "text for beta"),
        (case.unknown, "m1", "text for nobody"),
    ]);
    let ask = sign::meta(SECRET, &endpoint.path, batch.to_string());
    let got = sent(&house, &house.strict_desk(), case, &ask).await;
    assert_eq!(got, (false, 1, 2));
    house.work().await;
    let with_tenants = "SELECT string_agg(encode(body, 'escape'), ' ') FROM webhook_events";
    let with_tenants = house.text(with_tenants).await;
    assert!(with_tenants.contains("text for alpha"), "{with_tenants}");
    for other in ["text for beta", "text for nobody"] {
        assert!(!with_tenants.contains(other), "{with_tenants}");
    }
    // Beta's part reaches beta, once, and alpha by no way.
    let cli = house.cli();
    let id =
        "SELECT id::text FROM quarantined_events WHERE encode(body, 'escape') LIKE '%for beta%'";
    let id = house.text(id).await;
    let told = cli.fails(
        4,
        &["webhook", "quarantine", "assign", &id, "--org", "alpha"],
    );
    assert!(told.contains("belongs to another organization"), "{told}");
    assert!(told.contains("--org beta"), "{told}");
    let told = cli.fails(4, &["webhook", "quarantine", "adopt", &id]);
    assert!(
        told.contains("belongs to organization beta") || told.contains("phone_number_id is"),
        "{told}"
    );
    cli.ok(&["webhook", "quarantine", "assign", &id, "--org", "beta"]);
    house.work().await;
    house.strict_desk().expect(&ask, 200).await;
    house.work().await;
    let stored = "SELECT string_agg(o.slug || ': ' || m.body, ', ' ORDER BY o.slug)
                    FROM messages m JOIN organizations o ON o.id = m.organization_id";
    assert_eq!(
        house.text(stored).await,
        "alpha: text for alpha, beta: text for beta"
    );
    let kept =
        "SELECT count(*) FROM quarantined_events WHERE encode(body, 'escape') LIKE '%for beta%'";
    assert_eq!(house.count(kept).await, 0, "the platform keeps none of it");
    cli.fails(
        4,
        &["webhook", "quarantine", "assign", &id, "--org", "beta"],
    );
}

/// A channel that is off, and a suspended organization, keep what is theirs and answer nothing.
#[tokio::test]
async fn what_is_off_keeps_its_claim_and_answers_nothing() {
    let house = House::new().await;
    let case = &CASES[0];
    house
        .set(&house.a, case.channel, case.settings(case.own))
        .await;
    let endpoint = house.endpoint(&house.a, case.channel, case.scheme).await;
    let cli = house.cli();
    let claim = |slug: &'static str| {
        let number = format!("phone_numbers={}", case.own);
        cli.run(&["channel", "set", "twilio_standard", &number, "--org", slug])
            .code
    };
    cli.ok(&["channel", "disable", "twilio_realtime", "--org", "alpha"]);
    assert_eq!(claim("beta"), 4);
    let ask = case.ask(&house, &endpoint, "CA1", case.own);
    let got = sent(&house, &house.strict_desk(), case, &ask).await;
    assert_eq!(got, (false, 1, 0));
    cli.ok(&["channel", "enable", "twilio_realtime", "--org", "alpha"]);
    cli.ok(&["org", "suspend", "alpha", "--yes"]);
    assert_eq!(claim("beta"), 4);
    let ask = case.ask(&house, &endpoint, "CA2", case.own);
    let got = sent(&house, &house.strict_desk(), case, &ask).await;
    assert_eq!(got, (false, 1, 0));
    cli.ok(&["org", "resume", "alpha"]);
    // The same number in the other channel of the same organization.
    assert_eq!(claim("alpha"), 0);
    cli.ok(&[
        "channel",
        "set",
        "twilio_realtime",
        "phone_numbers=",
        "--org",
        "alpha",
    ]);
    assert_eq!(claim("beta"), 4, "the other channel still has it");
    cli.ok(&[
        "channel",
        "set",
        "twilio_standard",
        "phone_numbers=",
        "--org",
        "alpha",
    ]);
    assert_eq!(claim("beta"), 0);
}

/// A call of alpha's agent on a number that no organization holds is alpha's, without a new query for each
/// event. As soon as another organization holds the number, it is not.
#[tokio::test]
async fn a_cached_holder_is_valid_for_a_moment_only() {
    const NUMBER: &str = "+442083661177";
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
    let desk = house.strict_desk();
    let call = async |id: &str| {
        let call = json!({"call_id": id, "agent_id": "agent_a", "direction": "inbound",
            "from_number": "+12025550199", "to_number": NUMBER});
        let body = json!({"event": "call_ended", "call": call});
        let ask = sign::retell(SECRET, &endpoint.path, house.now, body.to_string());
        desk.expect(&ask, 200).await;
    };
    for id in ["C1", "C2"] {
        call(id).await;
    }
    assert_eq!(house.events("pending").await, 2);
    let metrics = desk.send(&Ask::get("/metrics")).await.body;
    let hit = r#"tenantctl_cache_requests_total{cache="channel_identities",result="hit"} 1"#;
    assert!(metrics.contains(hit), "{metrics}");

    let numbers =
        json!({"phone_numbers": [NUMBER], "stream_url": "wss://voice.clinic.example/media"});
    house
        .set(&house.b, ChannelKind::TwilioRealtime, numbers)
        .await;
    let begun = std::time::Instant::now();
    for number in 0.. {
        call(&format!("D{number}")).await;
        if house.quarantined("waiting").await == 1 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the copy is still believed");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Many numbers in one request are looked up at once, and decided in the same way.
#[tokio::test]
async fn a_batch_that_names_more_numbers_than_are_cached_is_split_too() {
    let house = House::new().await;
    house
        .set(
            &house.a,
            ChannelKind::Whatsapp,
            json!({"phone_number_id": "11111"}),
        )
        .await;
    let endpoint = house
        .endpoint(&house.a, ChannelKind::Whatsapp, Scheme::Meta)
        .await;
    let named: Vec<String> = (0..20).map(|number| format!("5555{number}")).collect();
    let mut messages: Vec<(&str, &str, &str)> = vec![("11111", "m-own", "text")];
    messages.extend(named.iter().map(|id| (id.as_str(), id.as_str(), "text")));
    let ask = sign::meta(SECRET, &endpoint.path, meta(&messages).to_string());
    let desk = house.strict_desk();
    desk.expect(&ask, 200).await;
    assert_eq!(house.events("pending").await, 1);
    assert_eq!(house.quarantined("waiting").await, 20);
    let metrics = desk.send(&Ask::get("/metrics")).await.body;
    assert!(
        !metrics.contains(r#"cache="channel_identities""#),
        "{metrics}"
    );
}
