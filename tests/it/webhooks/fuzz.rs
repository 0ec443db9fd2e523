//! Damaged requests on every receiver, over HTTP, with a fixed seed: whatever is sent is taken or refused,
//! never a mistake of the server's; and what is taken can be processed.
//!
//! More runs: `TENANTCTL_FUZZ_RUNS=50000 cargo test --test it -- webhooks::fuzz`

use chrono::{DateTime, Utc};
use serde_json::json;
use tenantctl::{
    domain::{ChannelKind, webhook::Scheme},
    system::Clock,
};

use super::{
    ask::Ask,
    house::{Endpoint, House, SECRET, SIGN_UP_SECRET},
    sign,
};
use crate::common::fuzz::{self, Generator};

const RUNS: u64 = 2_400;
const SEED: u64 = 0x5EED_0666;

/// What means something somewhere in these formats.
const DICTIONARY: &[&[u8]] = &[
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"-1",
    b"1e400",
    b"9223372036854775807",
    b"&",
    b"=",
    b"%00",
    b"%ff",
    b"+",
    b"|",
    b".",
    b" ",
    b"\r\n",
    b"v1,",
    b"sha256=",
    b"Bearer ",
    b"\"apikey\":",
    b"\"field\":\"\"",
    b"\"id\":\"\"",
    b"2147483648",
    b"\xFF",
    b"\xC3",
    b"0001-01-01T00:00:00Z",
    b"\xF0\x9F\xA6\xB7",
];

fn seeds(scheme: Scheme) -> Vec<Vec<u8>> {
    let bodies: &[&str] = match scheme {
        Scheme::Twilio => &[
            "CallSid=CA1&CallStatus=ringing&Direction=inbound&From=%2B41443643532&To=%2B1",
            "CallSid=CA1&CallStatus=completed&CallDuration=73&SequenceNumber=3&Blank=",
            r#"{"CallSid":"CA1","CallStatus":"completed","CallDuration":73}"#,
        ],
        Scheme::Retell => &[
            r#"{"event":"call_ended","call":{"call_id":"c1","agent_id":"a1","direction":"inbound","from_number":"+1","to_number":"+2","start_timestamp":1714608475945,"end_timestamp":1714608491736,"duration_ms":15791,"metadata":{"organization_id":""}}}"#,
            r#"{"event":"call_inbound","call_inbound":{"agent_id":"a","from_number":"+1","to_number":"+2"}}"#,
        ],
        Scheme::Meta => &[
            r#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"id":"wamid.A","from":"1650","timestamp":"1749416383","type":"text","text":{"body":"hi"}}],"statuses":[{"id":"wamid.B","status":"read","timestamp":"2","recipient_id":"3"}]}},{"field":"account_update","value":{}}]}]}"#,
            r#"{"object":"page","entry":[]}"#,
        ],
        Scheme::Evolution => &[
            r#"{"event":"messages.upsert","instance":"clinic","data":{"key":{"remoteJid":"41@s.whatsapp.net","fromMe":false,"id":"3EB0"},"message":{"conversation":"hi"},"messageTimestamp":1717775575},"apikey":"SECRET"}"#,
            r#"{"event":"messages.update","instance":"clinic","data":[{"keyId":"1","remoteJid":"a@b","status":"READ"}]}"#,
        ],
        Scheme::Standard => &[
            r#"{"metadata":{"uuid":"8b34dcdd-9df1-4c10-850a-b3277c653040","name":"after-user-created"},"user":{"id":"ff7fc9ae-3b1b-4642-9241-64adb9848a03","email":"a@example.com","email_confirmed_at":"2025-04-29T20:13:24Z"}}"#,
            r#"{"type":"UPDATE","schema":"auth","table":"users","record":{"id":"x"}}"#,
        ],
    };
    bodies.iter().map(|body| body.as_bytes().to_vec()).collect()
}

fn signed(scheme: Scheme, path: &str, now: DateTime<Utc>, body: &[u8], is_get: bool) -> Ask {
    match scheme {
        Scheme::Twilio if is_get => {
            // What cannot stand in a request is sent encoded.
            let query: String = url::form_urlencoded::parse(body)
                .fold(
                    url::form_urlencoded::Serializer::new(String::new()),
                    |mut query, (name, value)| {
                        query.append_pair(&name, &value);
                        query
                    },
                )
                .finish();
            sign::twilio_get(SECRET, path, &query)
        }
        Scheme::Twilio if body.starts_with(b"{") => sign::twilio_json(SECRET, path, body),
        Scheme::Twilio => {
            let pairs: Vec<(String, String)> =
                url::form_urlencoded::parse(body).into_owned().collect();
            let mut distinct = pairs.clone();
            distinct.sort();
            distinct.dedup();
            let pairs: Vec<(&str, &str)> = distinct
                .iter()
                .map(|(a, b)| (a.as_str(), b.as_str()))
                .collect();
            sign::twilio(SECRET, path, &pairs)
        }
        Scheme::Retell => sign::retell(SECRET, path, now, body),
        Scheme::Meta => sign::meta(SECRET, path, body),
        Scheme::Evolution => sign::evolution(SECRET, path, now, body),
        Scheme::Standard => sign::standard(SIGN_UP_SECRET, "msg_1", now, body),
    }
}

/// Damages a request after it was signed: path, headers or body.
fn damage(generator: &mut Generator, ask: &mut Ask, seeds: &[Vec<u8>]) {
    match generator.below(4) {
        0 if !ask.headers.is_empty() => {
            let at = generator.below(ask.headers.len());
            generator.mutate(&mut ask.headers[at].1, seeds);
            // Another header is no damage to this one.
            ask.headers[at].1.retain(|byte| !b"\r\n".contains(byte));
        }
        1 => {
            let mut target = ask.target.clone().into_bytes();
            generator.mutate(&mut target, seeds);
            target.retain(|byte| byte.is_ascii_graphic());
            let target = String::from_utf8(target).unwrap();
            ask.target = format!("/{}", target.trim_start_matches('/'));
        }
        _ => generator.mutate(&mut ask.body, seeds),
    }
}

/// A request for the door of the media streams.
fn redeem(generator: &mut Generator, token: &str) -> Ask {
    let mut body = json!({"token": token, "call_sid": "CA1"})
        .to_string()
        .into_bytes();
    for _ in 0..generator.below(4) {
        generator.mutate(&mut body, &[token.as_bytes().to_vec()]);
    }
    Ask::post("/api/stream-tokens/redeem", body)
}

#[tokio::test]
async fn whatever_is_sent_is_taken_or_refused() {
    let house = House::new().await;
    let stream = json!({"stream_url": "wss://voice.clinic.example/media"});
    house
        .set(&house.a, ChannelKind::TwilioRealtime, stream)
        .await;
    let mut endpoints: Vec<(Scheme, Option<Endpoint>)> = vec![(Scheme::Standard, None)];
    for (channel, scheme) in [
        (ChannelKind::TwilioRealtime, Scheme::Twilio),
        (ChannelKind::Retell, Scheme::Retell),
        (ChannelKind::Whatsapp, Scheme::Meta),
        (ChannelKind::Whatsapp, Scheme::Evolution),
    ] {
        endpoints.push((
            scheme,
            Some(house.endpoint(&house.a, channel, scheme).await),
        ));
    }
    let cli = house.cli();
    let serving = house.serve(&cli, "", &[]);
    let address = serving.address();
    let path = &endpoints[1].1.as_ref().unwrap().path;
    let call = [
        ("CallSid", "CA1"),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
    ];
    let token = sign::twilio(SECRET, path, &call)
        .over(address)
        .parameter("token");

    let mut generator = Generator::new(SEED, DICTIONARY);
    let (mut taken, mut refused) = (0, 0);
    for run in 0..fuzz::runs(RUNS) {
        let (scheme, endpoint) = &endpoints[generator.below(endpoints.len())];
        let seeds = seeds(*scheme);
        let mut body = seeds[generator.below(seeds.len())].clone();
        let before = generator.below(3);
        for _ in 0..before {
            generator.mutate(&mut body, &seeds);
        }
        let path = endpoint
            .as_ref()
            .map_or("/webhooks/sign-up", |one| one.path.as_str());
        let is_get = generator.below(4) == 0;
        let mut ask = signed(*scheme, path, Clock::System.now(), &body, is_get);
        if before == 0 {
            damage(&mut generator, &mut ask, &seeds);
        }
        if generator.below(12) == 0 {
            ask = redeem(&mut generator, &token);
        }
        let told = ask.over(address);
        match told.status {
            200 | 204 => taken += 1,
            400..=499 => refused += 1,
            _ => panic!("run {run}: {told:?}\n{ask:?}\n{}", serving.log()),
        }
    }
    assert!(taken > 500 && refused > 500, "{taken} {refused}");
    // No event is damaged so that it could be stored and not processed. A sign-up may be one that
    // cannot be: an address with two ids.
    let waiting = "SELECT count(*) FROM webhook_jobs";
    let failed =
        "SELECT coalesce(string_agg(kind || ': ' || reason, E'\\n'), '') FROM webhook_events
                   WHERE status IN ('pending', 'dead') AND reason IS NOT NULL";
    while house.count(waiting).await > 0 {
        assert_eq!(house.text(failed).await, "");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(serving.metrics().contains("tenantctl_panics_total 0"));
    let (status, _, log) = serving.stop();
    assert_eq!(status.code(), Some(0));
    assert!(
        !log.contains("panic") && !log.contains(r#""level":"ERROR""#),
        "{log}"
    );
}
