//! Authentication of Evolution API: a bearer JWT, or a header configured there.
//!
//! Neither covers the body. A webhook with a `jwt_key` among its headers is sent with
//! `Authorization: Bearer <JWT, HS256, valid for ten minutes>`; other headers are sent as configured.

use std::str;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use subtle::Choice;

use crate::domain::{
    jwt,
    webhook::{Incoming, Refusal, Scheme, Verified, compare},
};

/// The prefix of a secret that is the value of a header.
const HEADER: &str = "header:";
/// The key of a captured JWT can be guessed offline, so it must not be short.
const SHORTEST: usize = 16;
/// Allowed clock skew, in seconds.
const LEEWAY: f64 = 60.0;

/// A secret of an endpoint, in one of its two forms.
pub enum Credential<'a> {
    /// The key that signs tokens.
    Jwt(&'a str),
    /// `header:NAME:VALUE`.
    Header { name: &'a str, value: &'a str },
}

impl<'a> Credential<'a> {
    /// Parses the text form.
    ///
    /// # Errors
    /// The rule that the text violates.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let (credential, secret) = match text.strip_prefix(HEADER) {
            None => (Self::Jwt(text), text),
            Some(rest) => {
                let (name, value) = rest
                    .split_once(':')
                    .ok_or("the value is missing (expected header:NAME:VALUE)")?;
                let value = value.trim_start();
                if name.is_empty() || !name.bytes().all(is_header_byte) {
                    return Err("the name is not a valid header name".to_owned());
                }
                (Self::Header { name, value }, value)
            }
        };
        if secret.len() < SHORTEST {
            return Err(format!("shorter than {SHORTEST} characters"));
        }
        Ok(credential)
    }
}

/// RFC 9110 §5.6.2, without rarely used characters.
fn is_header_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// The time claims of a token.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
    nbf: Option<f64>,
}

pub(in crate::domain::webhook) fn verify<'a>(
    request: &Incoming<'a>,
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<Verified<'a>, Refusal> {
    let credentials: Vec<Credential<'_>> = secrets
        .iter()
        .filter_map(|secret| Credential::parse(secret.expose_secret()).ok())
        .collect();
    let mut is_given = false;
    let mut claims = None;
    let mut is_known = Choice::from(0);
    for credential in &credentials {
        match credential {
            Credential::Header { name, value } => {
                let given = request.header(name)?.unwrap_or_default();
                is_given |= !given.is_empty();
                is_known |= compare::same_secret(value.as_bytes(), given);
            }
            Credential::Jwt(key) => {
                let Some(token) = bearer(request)? else {
                    continue;
                };
                is_given = true;
                if let Ok(read) = jwt::decode::<Claims>(token, key.as_bytes()) {
                    claims = Some(read);
                }
            }
        }
    }
    let body = Verified::new(Scheme::Evolution, request.body);
    match claims {
        _ if bool::from(is_known) => Ok(body),
        Some(claims) if is_current(&claims, now) => Ok(body),
        Some(_) => Err(Refusal::Stale),
        None if is_given || credentials.is_empty() => Err(Refusal::Wrong),
        None => Err(Refusal::Missing),
    }
}

/// The token of `Authorization: Bearer …`; the scheme name is case-insensitive (RFC 9110 §11.1).
fn bearer<'a>(request: &Incoming<'a>) -> Result<Option<&'a [u8]>, Refusal> {
    let Some(value) = request.header("authorization")? else {
        return Ok(None);
    };
    let text = str::from_utf8(value).map_err(|_| Refusal::Malformed)?;
    Ok(match text.split_once(' ') {
        Some((word, token)) if word.eq_ignore_ascii_case("bearer") => {
            Some(token.trim().as_bytes()).filter(|token| !token.is_empty())
        }
        _ => None,
    })
}

fn is_current(claims: &Claims, now: DateTime<Utc>) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        reason = "Unix seconds have 53 bits to spare"
    )]
    let now = now.timestamp() as f64;
    now <= claims.exp + LEEWAY && claims.nbf.is_none_or(|nbf| nbf - LEEWAY <= now)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::webhook::testing::Request;

    const KEY: &str = "a jwt_key of some length";
    const FIXED: &str = "header:X-Webhook-Token: 0123456789abcdef";
    const NOW: i64 = 1_800_000_000;

    fn bearing(claims: &Value, key: &str) -> Request {
        let token = jwt::encode(None, claims, key.as_bytes()).unwrap();
        let header = format!("Bearer {token}");
        Request::new(Scheme::Evolution, &[("Authorization", &header)], "{}").at(NOW)
    }

    /// The claims in tokens of Evolution API.
    fn claims(issued_at: i64) -> Value {
        json!({"iat": issued_at, "exp": issued_at + 600, "app": "evolution", "action": "webhook"})
    }

    #[test]
    fn a_token_counts_until_it_expires() {
        for (claims, verdict) in [
            (claims(NOW), Ok(())),
            (claims(NOW - 660), Ok(())),
            (claims(NOW - 661), Err(Refusal::Stale)),
            (json!({"exp": NOW + 600, "nbf": NOW + 60}), Ok(())),
            (
                json!({"exp": NOW + 600, "nbf": NOW + 61}),
                Err(Refusal::Stale),
            ),
            // A token that never expires would be a password.
            (json!({"iat": NOW}), Err(Refusal::Wrong)),
            (json!({"exp": "soon"}), Err(Refusal::Wrong)),
        ] {
            let request = bearing(&claims, KEY);
            assert_eq!(request.check(&[KEY]).map(|_| ()), verdict, "{claims}");
        }
        bearing(&claims(NOW), KEY).needs_its_secret(&[KEY]);
        assert_eq!(
            bearing(&claims(NOW), "another key of this length").check(&[KEY]),
            Err(Refusal::Wrong)
        );
    }

    #[test]
    fn a_fixed_header_is_compared_whole() {
        let with = |value: &str| {
            Request::new(Scheme::Evolution, &[("x-webhook-token", value)], "{}").at(NOW)
        };
        with("0123456789abcdef").needs_its_secret(&[FIXED]);
        with("0123456789abcdef").check(&[KEY, FIXED]).unwrap();
        for value in ["0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF"] {
            assert_eq!(with(value).check(&[FIXED]), Err(Refusal::Wrong), "{value}");
        }
        // The secret of a JWT is not a valid JWT; the secret of a header is not a bearer token.
        let header = format!("Bearer {KEY}");
        let request = Request::new(Scheme::Evolution, &[("Authorization", &header)], "{}");
        assert_eq!(request.check(&[KEY]), Err(Refusal::Wrong));
        assert_eq!(request.check(&[FIXED]), Err(Refusal::Missing));
    }

    #[test]
    fn other_forms_are_refused() {
        for (header, refusal) in [
            ("Basic YTpi", Refusal::Missing),
            ("Bearer", Refusal::Missing),
            ("Bearer  ", Refusal::Missing),
            ("Bearer a.b", Refusal::Wrong),
            ("bearer a.b.c", Refusal::Wrong),
        ] {
            let request = Request::new(Scheme::Evolution, &[("Authorization", header)], "{}");
            assert_eq!(request.check(&[KEY]), Err(refusal), "{header}");
        }
        // A stored secret that is too short is ignored.
        assert_eq!(
            bearing(&claims(NOW), "short").check(&["short"]),
            Err(Refusal::Wrong)
        );
    }
}
