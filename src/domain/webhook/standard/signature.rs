//! `webhook-signature`: `v1,` and base64 of HMAC-SHA256(key, `id.timestamp.body`).
//!
//! There may be several, one for each secret of the sender, separated by spaces; Supabase puts a comma
//! before the space.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::secret;
use crate::domain::webhook::{Incoming, Refusal, Scheme, Verified, check_age, compare};

pub(in crate::domain::webhook) fn verify<'a>(
    request: &Incoming<'a>,
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<Verified<'a>, Refusal> {
    let id = request.require_text("webhook-id")?;
    let timestamp = request.require_text("webhook-timestamp")?;
    let signatures = request.require_text("webhook-signature")?;
    let signed_at = seconds(timestamp).ok_or(Refusal::Malformed)?;
    let given: Vec<&str> = signatures
        .split(' ')
        .filter_map(|signature| signature.trim_end_matches(',').strip_prefix("v1,"))
        .collect();
    // Signatures of other versions are ignored; a dot in the id would move the field boundaries.
    if given.is_empty() || id.contains('.') {
        return Err(Refusal::Malformed);
    }
    let keys = secret::keys(secrets);
    let is_signed = compare::any(keys.iter().flat_map(|key| {
        let parts = [
            id.as_bytes(),
            b".",
            timestamp.as_bytes(),
            b".",
            request.body,
        ];
        let expected = STANDARD.encode(compare::hmac_sha256(key, &parts));
        given
            .iter()
            .map(move |one| compare::same_signature(expected.as_bytes(), one.as_bytes()))
    }));
    if !is_signed {
        return Err(Refusal::Wrong);
    }
    check_age(signed_at, now)?;
    Ok(Verified::new(Scheme::Standard, request.body)
        .delivered_as(Some(id))
        .signed_at(signed_at))
}

/// Accepts digits only: `parse` would also accept a sign.
fn seconds(text: &str) -> Option<DateTime<Utc>> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    DateTime::from_timestamp(text.parse().ok()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::{TOLERANCE_SECONDS, testing::Request};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const SIGNED_AT: i64 = 1_614_265_330;

    fn with(id: &str, timestamp: &str, signature: &str) -> Request {
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ];
        Request::new(Scheme::Standard, &headers, r#"{"test": 2432232314}"#).at(SIGNED_AT)
    }

    fn signed(signature: &str) -> Request {
        with("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", signature)
    }

    #[test]
    fn the_official_example_passes_and_nothing_else() {
        signed(SIGNATURE).is_sealed(&[SECRET]);
    }

    #[test]
    fn secrets_are_read_in_every_form() {
        let other = "v1,whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let bare = SECRET.trim_start_matches("whsec_");
        for secret in [
            bare.to_owned(),
            format!("v1,{SECRET}"),
            format!("v1,{SECRET}|{other}"),
            format!("{other}|v1,{SECRET}"),
            format!("broken…|{other} | {SECRET}"),
        ] {
            signed(SIGNATURE).needs_its_secret(&[&secret]);
        }
        for secret in ["|", "whsec_", "v1,", "v1,whsec_|", other] {
            assert_eq!(
                signed(SIGNATURE).check(&[secret]),
                Err(Refusal::Wrong),
                "{secret}"
            );
        }
        // An empty key is known to every attacker.
        let parts: &[&[u8]] = &[
            b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.",
            b"{\"test\": 2432232314}",
        ];
        let forged = format!("v1,{}", STANDARD.encode(compare::hmac_sha256(b"", parts)));
        for secret in ["", "whsec_", "v1,whsec_", "|"] {
            assert_eq!(
                signed(&forged).check(&[secret]),
                Err(Refusal::Wrong),
                "{secret}"
            );
        }
    }

    #[test]
    fn one_right_signature_of_several_is_enough() {
        for signatures in [
            format!("v1,AAAA {SIGNATURE}"),
            format!("{SIGNATURE} v1a,AAAA"),
            format!("v1,AAAA, {SIGNATURE}"),
            format!("{SIGNATURE}, v1,AAAA, v1,BBBB"),
            format!("v2,x  {SIGNATURE}"),
        ] {
            signed(&signatures).check(&[SECRET]).unwrap();
        }
        for (signatures, refusal) in [
            ("v1,AAAA v1,BBBB", Refusal::Wrong),
            ("v1,", Refusal::Malformed),
            (
                "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                Refusal::Malformed,
            ),
            (
                "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                Refusal::Malformed,
            ),
            (", ,", Refusal::Malformed),
        ] {
            assert_eq!(
                signed(signatures).check(&[SECRET]),
                Err(refusal),
                "{signatures}"
            );
        }
    }

    #[test]
    fn it_counts_for_five_minutes_either_way() {
        for (seconds, verdict) in [
            (-TOLERANCE_SECONDS - 1, Err(Refusal::Stale)),
            (-TOLERANCE_SECONDS, Ok(())),
            (TOLERANCE_SECONDS, Ok(())),
            (TOLERANCE_SECONDS + 1, Err(Refusal::Stale)),
        ] {
            let request = signed(SIGNATURE).at(SIGNED_AT + seconds);
            assert_eq!(request.check(&[SECRET]).map(|_| ()), verdict, "{seconds}");
        }
    }

    #[test]
    fn borders_cannot_be_moved() {
        // The same bytes would be signed.
        for (id, timestamp) in [
            ("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330", "1614265330"),
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "-1614265330"),
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330.0"),
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "99999999999999999999"),
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "9223372036854775807"),
        ] {
            let request = with(id, timestamp, SIGNATURE);
            assert_eq!(request.check(&[SECRET]), Err(Refusal::Malformed));
        }
    }
}
