//! `X-Hub-Signature-256: sha256=<hex of HMAC-SHA256(app secret, body)>`, and the GET request that
//! verifies the subscription of an endpoint.

use secrecy::SecretString;
use url::form_urlencoded;

use crate::domain::{
    hexadecimal,
    webhook::{Incoming, Refusal, Scheme, Verified, compare},
};

/// Maximum length of a challenge; Meta sends ten digits.
const MAX_CHALLENGE: usize = 200;

pub(in crate::domain::webhook) fn verify<'a>(
    request: &Incoming<'a>,
    secrets: &[SecretString],
) -> Result<Verified<'a>, Refusal> {
    let header = request.require_text("x-hub-signature-256")?;
    let digest = header.strip_prefix("sha256=").ok_or(Refusal::Malformed)?;
    let is_signed = compare::any(compare::usable(secrets).map(|secret| {
        let mac = compare::hmac_sha256(secret, &[request.body]);
        compare::same_signature(hexadecimal(&mac).as_bytes(), digest.as_bytes())
    }));
    if is_signed {
        Ok(Verified::new(Scheme::Meta, request.body))
    } else {
        Err(Refusal::Wrong)
    }
}

/// Returns the answer to the subscription GET: the challenge alone, as text/plain.
///
/// The caller knows a verify token, and the challenge contains no character that a browser could
/// interpret as markup.
///
/// # Errors
/// [`Refusal::Missing`] for a missing parameter, [`Refusal::Wrong`] for an unknown token,
/// [`Refusal::Malformed`] for another mode or other characters in the challenge.
pub fn challenge(query: Option<&str>, verify_tokens: &[SecretString]) -> Result<String, Refusal> {
    let get = |wanted: &str| {
        form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .find_map(|(name, value)| (name == wanted).then_some(value))
            .filter(|value| !value.is_empty())
            .ok_or(Refusal::Missing)
    };
    let (mode, token, challenge) = (
        get("hub.mode")?,
        get("hub.verify_token")?,
        get("hub.challenge")?,
    );
    let is_known = compare::any(
        compare::usable(verify_tokens).map(|known| compare::same_secret(known, token.as_bytes())),
    );
    if !is_known {
        return Err(Refusal::Wrong);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if mode != "subscribe" || challenge.len() > MAX_CHALLENGE || !challenge.bytes().all(is_plain) {
        return Err(Refusal::Malformed);
    }
    Ok(challenge.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::testing::Request;

    fn signed(body: &str) -> Request {
        let mac = compare::hmac_sha256(b"app-secret", &[body.as_bytes()]);
        let header = format!("sha256={}", hexadecimal(&mac));
        Request::new(Scheme::Meta, &[("x-hub-signature-256", &header)], body)
    }

    #[test]
    fn the_raw_body_is_signed() {
        // Computed with openssl dgst -sha256 -hmac.
        let known = "sha256=d3e4f9da0ce6c71ab3dba55929b8eeeee2455349e534924ead19f98d143e904f";
        let body = r#"{"object":"whatsapp_business_account","entry":[]}"#;
        Request::new(Scheme::Meta, &[("x-hub-signature-256", known)], body)
            .is_sealed(&["app-secret"]);
        signed("").check(&["app-secret"]).unwrap();
        // Escapes are signed as sent.
        let body = r#"{"text":"\u00e4\u00f6"}"#;
        let mut other = signed(body);
        other.body = r#"{"text":"äö"}"#.into();
        assert_eq!(other.check(&["app-secret"]), Err(Refusal::Wrong));
    }

    #[test]
    fn the_older_signature_does_not_count() {
        for header in ["sha1=0102", "0102", "SHA256=00"] {
            let request = Request::new(Scheme::Meta, &[("X-Hub-Signature-256", header)], "{}");
            assert_eq!(request.check(&["app-secret"]), Err(Refusal::Malformed));
        }
        let request = Request::new(Scheme::Meta, &[("X-Hub-Signature", "sha1=00")], "{}");
        assert_eq!(request.check(&["app-secret"]), Err(Refusal::Missing));
    }

    #[test]
    fn a_subscription_is_answered_with_its_challenge() {
        let tokens: Vec<SecretString> = vec!["old".into(), "meaty & hot".into(), "".into()];
        let ask = |query: &str| challenge(Some(query), &tokens);
        let query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meaty+%26+hot";
        assert_eq!(ask(query), Ok("1158201444".into()));
        assert_eq!(
            ask(&query.replace("meaty+%26+hot", "old")),
            Ok("1158201444".into())
        );
        for (query, refusal) in [
            (query.replace("hot", "cold"), Refusal::Wrong),
            (query.replace("meaty+%26+hot", ""), Refusal::Missing),
            (
                query.replace("subscribe", "unsubscribe"),
                Refusal::Malformed,
            ),
            (
                query.replace("1158201444", "%3Cscript%3E"),
                Refusal::Malformed,
            ),
            (
                query.replace("1158201444", &"1".repeat(201)),
                Refusal::Malformed,
            ),
            (
                query.replace("hub.challenge", "challenge"),
                Refusal::Missing,
            ),
        ] {
            assert_eq!(ask(&query), Err(refusal), "{query}");
        }
        assert_eq!(challenge(None, &tokens), Err(Refusal::Missing));
        assert_eq!(challenge(Some(query), &[]), Err(Refusal::Wrong));
    }
}
