//! Damaged webhooks of every scheme, thousands of them, by a generator with a fixed seed: what
//! nobody signed is refused; what is signed and damaged is read or refused, and never a panic.
//!
//! More runs than these, before a release for instance:
//!
//! ```text
//! TENANTCTL_FUZZ_RUNS=2000000 cargo test --release --test it -- webhook_fuzz
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac as _};
use secrecy::SecretString;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tenantctl::domain::{
    Locale, hexadecimal, jwt,
    webhook::{self, Incoming, Parsed, Refusal, Scheme, Verified, evolution, meta, twilio},
};
use url::Url;

use crate::common::fuzz::{self, Generator};

const RUNS: u64 = 20_000;
const SEED: u64 = 0x5EED_0006;
const NOW: i64 = 1_800_000_000;

/// What means something somewhere in these formats.
const DICTIONARY: &[&[u8]] = &[
    b"\"",
    b"\\u0000",
    b"\\u006b",
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
    b"9223372036854775808",
    b"&",
    b"=",
    b"%00",
    b"+",
    b"|",
    b".",
    b" ",
    b"v1,",
    b"sha256=",
    b"Bearer ",
    b"\"apikey\":",
    b"\"key\":{",
    b"\"messages\":[",
    b"\"metadata\":",
    b"\xFF",
    b"\xC3",
];

/// A scheme, its secret, and bodies that it sends.
fn seeds(scheme: Scheme) -> (&'static str, Vec<Vec<u8>>) {
    let (secret, bodies): (_, &[&str]) = match scheme {
        Scheme::Twilio => (
            "12345",
            &[
                "CallSid=CA1&CallStatus=ringing&Direction=inbound&From=%2B41443643532&To=%2B1",
                "CallSid=CA1&CallStatus=completed&CallDuration=73&SequenceNumber=3&Blank=",
                "A=1&A=2&A=1&B=x+y&M=%F0%9F%A6%B7",
                r#"{"CallSid":"CA1","CallStatus":"completed","CallDuration":73}"#,
            ],
        ),
        Scheme::Retell => (
            "test-api-key",
            &[
                r#"{"event":"call_ended","call":{"call_id":"c1","agent_id":"a1","direction":"inbound","from_number":"+1","to_number":"+2","start_timestamp":1714608475945,"end_timestamp":1714608491736,"metadata":{"organization_id":"0197d0a0-0000-7000-8000-000000000001"}}}"#,
                r#"{"event":"call_inbound","call_inbound":{"agent_id":"a","from_number":"+1","to_number":"+2"}}"#,
                r#"{"event":"transcript_updated","call":{"call_id":"c1"},"event_timestamp":5}"#,
            ],
        ),
        Scheme::Meta => (
            "app-secret",
            &[
                r#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"id":"wamid.A","from":"1650","timestamp":"1749416383","type":"text","text":{"body":"hi"}}],"statuses":[{"id":"wamid.B","status":"read","timestamp":"2","recipient_id":"3"}]}},{"field":"account_update","value":{}}]}]}"#,
                r#"{"object":"page","entry":[]}"#,
            ],
        ),
        Scheme::Evolution => (
            "a jwt_key of some length",
            &[
                r#"{"event":"messages.upsert","instance":"clinic","data":{"key":{"remoteJid":"41@s.whatsapp.net","fromMe":false,"id":"3EB0"},"message":{"ephemeralMessage":{"message":{"conversation":"hi"}}},"messageTimestamp":1717775575},"apikey":"SECRET"}"#,
                r#"{"event":"messages.update","instance":"clinic","data":[{"keyId":"1","remoteJid":"a@b","status":"READ"}],"ApiKey":{"x":["SECRET"]}}"#,
            ],
        ),
        Scheme::Standard => (
            "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            &[
                r#"{"metadata":{"uuid":"8b34dcdd-9df1-4c10-850a-b3277c653040","name":"after-user-created"},"user":{"id":"ff7fc9ae-3b1b-4642-9241-64adb9848a03","email":"a@example.com","email_confirmed_at":"2025-04-29T20:13:24Z"}}"#,
                r#"{"type":"UPDATE","schema":"auth","table":"users","record":{"id":"x"}}"#,
                r#"{"test": 2432232314}"#,
            ],
        ),
    };
    let bodies = bodies.iter().map(|body| body.as_bytes().to_vec());
    (secret, bodies.collect())
}

/// A request with everything owned.
#[derive(Clone, Debug, PartialEq)]
struct Request {
    is_get: bool,
    query: Option<String>,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

fn sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn url() -> Url {
    Url::parse("https://hooks.example.com/webhooks/AbC_1-2").unwrap()
}

/// As the provider would send `body`.
fn signed(scheme: Scheme, secret: &str, body: &[u8], is_get: bool) -> Request {
    let key = secret.as_bytes();
    let mut request = Request {
        is_get: false,
        query: None,
        headers: Vec::new(),
        body: body.to_vec(),
    };
    match scheme {
        Scheme::Twilio => {
            let mut message = url().to_string();
            if body.trim_ascii_start().starts_with(b"{") {
                let query = format!("bodySHA256={}", hexadecimal(&Sha256::digest(body)));
                message = format!("{message}?{query}");
                request.query = Some(query);
            } else if is_get {
                let query = String::from_utf8_lossy(body).into_owned();
                message = format!("{message}?{query}");
                request.is_get = true;
                request.query = Some(query);
            } else {
                let mut pairs: Vec<(String, String)> =
                    url::form_urlencoded::parse(body).into_owned().collect();
                pairs.sort();
                pairs.dedup();
                for (name, value) in pairs {
                    message.extend([name, value]);
                }
            }
            let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(key).unwrap();
            mac.update(message.as_bytes());
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            request.headers = vec![
                ("X-Twilio-Signature", signature.into()),
                ("I-Twilio-Idempotency-Token", b"t1".to_vec()),
            ];
        }
        Scheme::Retell => {
            let time = format!("{NOW}000");
            let digest = sha256(key, &[body, time.as_bytes()].concat());
            let header = format!("v={time},d={}", hexadecimal(&digest));
            request.headers = vec![("x-retell-signature", header.into())];
        }
        Scheme::Meta => {
            let header = format!("sha256={}", hexadecimal(&sha256(key, body)));
            request.headers = vec![("X-Hub-Signature-256", header.into())];
        }
        Scheme::Evolution => {
            let claims = serde_json::json!({"iat": NOW, "exp": NOW + 600});
            let token = jwt::encode(None, &claims, key).unwrap();
            let header = format!("Bearer {token}");
            request.headers = vec![("Authorization", header.into())];
        }
        Scheme::Standard => {
            let key = STANDARD.decode(&secret["v1,whsec_".len()..]).unwrap();
            let message = [format!("msg_1.{NOW}.").as_bytes(), body].concat();
            let signature = format!("v1,{}", STANDARD.encode(sha256(&key, &message)));
            request.headers = vec![
                ("webhook-id", b"msg_1".to_vec()),
                ("webhook-timestamp", NOW.to_string().into()),
                ("webhook-signature", signature.into()),
            ];
        }
    }
    request
}

/// What comes of a request, and the keys of what it holds.
fn receive(
    scheme: Scheme,
    secret: &SecretString,
    request: &Request,
) -> Result<Result<(Parsed, Vec<String>), Refusal>, Refusal> {
    let url = url();
    let headers: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_slice()))
        .collect();
    let incoming = Incoming {
        is_get: request.is_get,
        url: &url,
        query: request.query.as_deref(),
        headers: &headers,
        body: &request.body,
    };
    let now: DateTime<Utc> = DateTime::from_timestamp(NOW, 0).unwrap();
    let secrets = std::slice::from_ref(secret);
    let verified = webhook::verify(scheme, &incoming, secrets, now)?;
    Ok(read(&verified))
}

fn read(verified: &Verified<'_>) -> Result<(Parsed, Vec<String>), Refusal> {
    let parsed = webhook::parse(verified)?;
    let items = parsed.items(verified);
    assert!(!items.is_empty());
    let keys: Vec<String> = items.into_iter().map(|item| item.dedup_key).collect();
    for key in &keys {
        assert!(key.len() <= 200 && !key.contains('\0'), "{key}");
    }
    if let Parsed::Twilio(event) = &parsed {
        let token = event.call_sid.clone().unwrap_or_default();
        let stream = "wss://voice.example.com/media".parse().unwrap();
        let twiml = twilio::twiml::connect_stream(&stream, &[("token", &token)]);
        assert!(twiml.ends_with("</Response>"));
    }
    if let Parsed::Evolution(events) = &parsed {
        for event in events {
            let payload = event.payload.to_string();
            assert_eq!(
                evolution::redact_apikey(payload.as_bytes()),
                Ok(payload.into())
            );
        }
    }
    Ok((parsed, keys))
}

/// Damages one of the parts of a request.
fn damage(generator: &mut Generator, request: &mut Request, seeds: &[Vec<u8>]) {
    match generator.below(3) {
        0 => {
            let header = generator.below(request.headers.len());
            generator.mutate(&mut request.headers[header].1, seeds);
        }
        1 => {
            let mut query = request.query.clone().unwrap_or_default().into_bytes();
            generator.mutate(&mut query, seeds);
            request.query = Some(String::from_utf8_lossy(&query).into_owned());
        }
        _ => generator.mutate(&mut request.body, seeds),
    }
}

/// Says which input it was, where `check` panics.
fn reported<T>(shown: &impl std::fmt::Debug, check: impl FnOnce() -> T) -> T {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(check))
        .unwrap_or_else(|_| panic!("it was {shown:?}"))
}

#[test]
fn what_nobody_signed_is_refused() {
    let runs = fuzz::runs(RUNS);
    let mut generator = Generator::new(SEED, DICTIONARY);
    let mut refused = 0;
    for run in 0..runs {
        let scheme = Scheme::ALL[generator.below(Scheme::ALL.len())];
        let (secret, seeds) = seeds(scheme);
        let body = &seeds[generator.below(seeds.len())];
        let original = signed(scheme, secret, body, generator.below(4) == 0);
        let mut request = original.clone();
        for _ in 0..=generator.below(4) {
            damage(&mut generator, &mut request, &seeds);
        }
        let secret = SecretString::from(secret);
        reported(&(run, scheme, &request), || {
            let before = receive(scheme, &secret, &original).expect("signed");
            let Ok(after) = receive(scheme, &secret, &request) else {
                refused += 1;
                return;
            };
            match scheme {
                // A bearer token says nothing of the body.
                Scheme::Evolution => {}
                // Not everything is signed: which bytes stand for the same parameters, the body of
                // a GET, the token against duplicates. What it says is.
                Scheme::Twilio => assert_eq!(
                    after.map(|(parsed, _)| parsed),
                    before.map(|(parsed, _)| parsed)
                ),
                _ => assert_eq!(
                    (after, &request.body),
                    (before, &original.body),
                    "something else passed"
                ),
            }
        });
    }
    assert!(refused > runs / 2, "{refused} of {runs}");
}

#[test]
fn what_is_signed_and_damaged_is_read_or_refused() {
    let runs = fuzz::runs(RUNS);
    let mut generator = Generator::new(SEED + 1, DICTIONARY);
    let (mut read, mut refused) = (0, 0);
    for run in 0..runs {
        let scheme = Scheme::ALL[generator.below(Scheme::ALL.len())];
        let (secret, seeds) = seeds(scheme);
        let mut body = seeds[generator.below(seeds.len())].clone();
        for _ in 0..generator.below(6) {
            generator.mutate(&mut body, &seeds);
        }
        let is_get = generator.below(4) == 0;
        reported(&(run, scheme, body.escape_ascii().to_string()), || {
            let request = signed(scheme, secret, &body, is_get);
            let secret = SecretString::from(secret);
            match receive(scheme, &secret, &request).expect("signed") {
                Ok(_) => read += 1,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Malformed);
                    assert_eq!(refusal.status(scheme), 400);
                    refused += 1;
                }
            }
        });
    }
    assert!(read > runs / 10 && refused > runs / 10, "{read}, {refused}");
}

#[test]
fn secrets_challenges_and_locales_are_read_or_refused() {
    let seeds: Vec<Vec<u8>> = [
        "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw|whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "header:X-Webhook-Token:0123456789abcdef",
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me",
        "pt-BR",
    ]
    .iter()
    .map(|seed| seed.as_bytes().to_vec())
    .collect();
    let tokens = ["verify-me".into()];
    let mut generator = Generator::new(SEED + 2, DICTIONARY);
    for run in 0..fuzz::runs(RUNS) {
        let mut bytes = seeds[generator.below(seeds.len())].clone();
        for _ in 0..generator.below(4) {
            generator.mutate(&mut bytes, &seeds);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        reported(&(run, &text), || {
            for scheme in Scheme::ALL {
                let _ = webhook::check_secret(*scheme, &text.as_str().into());
            }
            if let Ok(challenge) = meta::challenge(Some(&text), &tokens) {
                assert!(!challenge.contains(['<', '>', '&', '"', '\'']));
            }
            if let Ok(locale) = Locale::parse(&text) {
                assert!(twilio::twiml::unavailable(&locale).contains("<Hangup/>"));
            }
        });
    }
}
