//! The providers' side: how each signs, written from its documentation and not by the code under test.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac as _};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::{PUBLIC_URL, ask::Ask};

fn sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Twilio, "Security": base64 of HMAC-SHA1 with the auth token.
pub fn twilio_signature(token: &str, signed: &str) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A form, with the URL as it is configured.
pub fn twilio(token: &str, path: &str, form: &[(&str, &str)]) -> Ask {
    twilio_at(token, &format!("{PUBLIC_URL}{path}"), path, form)
}

/// A form, signed for that URL: URL, then names and values in the order of the names.
pub fn twilio_at(token: &str, url: &str, path: &str, form: &[(&str, &str)]) -> Ask {
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let mut signed = url.to_owned();
    for (name, value) in sorted {
        signed.push_str(name);
        signed.push_str(value);
    }
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    Ask::post(path, body)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", twilio_signature(token, &signed))
}

/// A GET signs its URL with the query, and nothing else.
pub fn twilio_get(token: &str, path: &str, query: &str) -> Ask {
    let target = format!("{path}?{query}");
    let signature = twilio_signature(token, &format!("{PUBLIC_URL}{target}"));
    Ask::get(target).header("x-twilio-signature", signature)
}

/// JSON signs a URL that carries its hash.
pub fn twilio_json(token: &str, path: &str, body: impl AsRef<[u8]>) -> Ask {
    let hash = hex(&Sha256::digest(body.as_ref()));
    let target = format!("{path}?bodySHA256={hash}");
    let signature = twilio_signature(token, &format!("{PUBLIC_URL}{target}"));
    Ask::post(target, body)
        .header("content-type", "application/json")
        .header("x-twilio-signature", signature)
}

/// Retell: HMAC-SHA256 of body and time, with the API key.
pub fn retell(key: &str, path: &str, at: DateTime<Utc>, body: impl AsRef<[u8]>) -> Ask {
    let time = at.timestamp_millis().to_string();
    let digest = sha256(key.as_bytes(), &[body.as_ref(), time.as_bytes()].concat());
    let signature = format!("v={time},d={}", hex(&digest));
    Ask::post(path, body)
        .header("content-type", "application/json")
        .header("x-retell-signature", signature)
}

/// Meta: HMAC-SHA256 of the body, with the app secret.
pub fn meta(secret: &str, path: &str, body: impl AsRef<[u8]>) -> Ask {
    let digest = sha256(secret.as_bytes(), body.as_ref());
    Ask::post(path, body)
        .header("content-type", "application/json")
        .header("x-hub-signature-256", format!("sha256={}", hex(&digest)))
}

/// Evolution API: a JWT (RFC 7519) with HS256, good for ten minutes.
pub fn evolution(key: &str, path: &str, at: DateTime<Utc>, body: impl AsRef<[u8]>) -> Ask {
    let now = at.timestamp();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = json!({"iat": now, "exp": now + 600, "app": "evolution", "action": "webhook"});
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(sha256(key.as_bytes(), signed.as_bytes()));
    Ask::post(path, body)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {signed}.{signature}"))
}

/// Standard Webhooks: HMAC-SHA256 of id, time and body. The secret is one of `whsec_…`.
pub fn standard(secret: &str, id: &str, at: DateTime<Utc>, body: impl AsRef<[u8]>) -> Ask {
    let key = STANDARD
        .decode(secret.trim_start_matches("whsec_"))
        .unwrap();
    let time = at.timestamp().to_string();
    let head = format!("{id}.{time}.");
    let digest = sha256(&key, &[head.as_bytes(), body.as_ref()].concat());
    Ask::post("/webhooks/sign-up", body)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", time)
        .header(
            "webhook-signature",
            format!("v1,{}", STANDARD.encode(digest)),
        )
}

/// The examples that the providers publish.
#[test]
fn the_official_examples_come_out() {
    let signed = "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDE\
                  Caller+14158675309Digits1234From+14158675309To+18005551212";
    assert_eq!(
        twilio_signature("12345", signed),
        "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    );
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    let sent = retell(
        "test-api-key",
        "/",
        at(1_700_000_000),
        r#"{"event":"call_ended"}"#,
    );
    assert_eq!(
        sent.headers[1].1,
        b"v=1700000000000,d=07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e"
    );
    let sent = standard(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        at(1_614_265_330),
        r#"{"test": 2432232314}"#,
    );
    assert_eq!(
        sent.headers[3].1,
        b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}
