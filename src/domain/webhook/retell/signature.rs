//! `x-retell-signature: v=<unix ms>,d=<hex of HMAC-SHA256(api key, body + v)>`.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::domain::{
    hexadecimal,
    webhook::{Incoming, Refusal, Scheme, Verified, check_age, compare},
};

pub(in crate::domain::webhook) fn verify<'a>(
    request: &Incoming<'a>,
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<Verified<'a>, Refusal> {
    let header = request.require_text("x-retell-signature")?;
    let (time, digest) = header
        .strip_prefix("v=")
        .and_then(|rest| rest.split_once(",d="))
        .ok_or(Refusal::Malformed)?;
    let signed_at = milliseconds(time).ok_or(Refusal::Malformed)?;
    let is_signed = compare::any(compare::usable(secrets).map(|key| {
        let mac = compare::hmac_sha256(key, &[request.body, time.as_bytes()]);
        compare::same_signature(hexadecimal(&mac).as_bytes(), digest.as_bytes())
    }));
    if !is_signed {
        return Err(Refusal::Wrong);
    }
    check_age(signed_at, now)?;
    Ok(Verified::new(Scheme::Retell, request.body).signed_at(signed_at))
}

/// Accepts digits only: `parse` would also accept a sign.
fn milliseconds(text: &str) -> Option<DateTime<Utc>> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    DateTime::from_timestamp_millis(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::{TOLERANCE_SECONDS, testing::Request};

    const KEY: &str = "test-api-key";
    const DIGEST: &str = "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e";
    const SIGNED_AT: i64 = 1_700_000_000;

    fn with(header: &str) -> Request {
        let headers = [("X-Retell-Signature", header)];
        Request::new(Scheme::Retell, &headers, r#"{"event":"call_ended"}"#).at(SIGNED_AT)
    }

    fn example() -> Request {
        with(&format!("v={SIGNED_AT}000,d={DIGEST}"))
    }

    #[test]
    fn the_official_example_passes_and_nothing_else() {
        example().is_sealed(&[KEY]);
    }

    #[test]
    fn it_counts_for_five_minutes_either_way() {
        for (seconds, verdict) in [
            (-TOLERANCE_SECONDS - 1, Err(Refusal::Stale)),
            (-TOLERANCE_SECONDS, Ok(())),
            (TOLERANCE_SECONDS, Ok(())),
            (TOLERANCE_SECONDS + 1, Err(Refusal::Stale)),
        ] {
            let request = example().at(SIGNED_AT + seconds);
            assert_eq!(request.check(&[KEY]).map(|_| ()), verdict, "{seconds}");
        }
        // The age is not reported for an invalid signature.
        let request = example().at(0);
        assert_eq!(request.check(&["other"]), Err(Refusal::Wrong));
    }

    #[test]
    fn other_forms_are_refused() {
        for header in [
            "v=1700000000000",
            "d=07,v=1700000000000",
            "v=,d=07",
            "v=-1,d=07",
            "v=+1700000000000,d=07",
            "v=1e12,d=07",
            "v=99999999999999999999999,d=07",
            "v=9223372036854775807,d=07",
            "v=1700000000000, d=07",
            "é",
        ] {
            assert_eq!(
                with(header).check(&[KEY]),
                Err(Refusal::Malformed),
                "{header}"
            );
        }
        let upper = format!("v={SIGNED_AT}000,d={}", DIGEST.to_uppercase());
        assert_eq!(with(&upper).check(&[KEY]), Err(Refusal::Wrong));
    }
}
