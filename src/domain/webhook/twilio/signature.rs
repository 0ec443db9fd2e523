//! `X-Twilio-Signature`: base64 of HMAC-SHA1(auth token, URL + parameters).
//!
//! If Twilio's documentation is ambiguous, this follows its libraries (twilio-python
//! `request_validator.py`, twilio-node `webhooks.ts`): each distinct value of a repeated name is used
//! once, sorted; the URL is tried with its port and without; a `bodySHA256` in the query replaces a
//! body that is not a form.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use url::{Position, Url, form_urlencoded};

use super::event;
use crate::domain::{
    hexadecimal,
    webhook::{Incoming, Refusal, Scheme, Verified, compare},
};

/// Verifies a request of Twilio. For a GET, the query is the signed content.
pub(in crate::domain::webhook) fn verify<'a>(
    request: &Incoming<'a>,
    secrets: &[SecretString],
) -> Result<Verified<'a>, Refusal> {
    let signature = request.require("x-twilio-signature")?;
    let body_hash = body_hash(request.query).filter(|_| !request.is_get);
    let parameters = if request.is_get || body_hash.is_some() {
        String::new()
    } else {
        signed_parameters(request.body)
    };
    let contents = if request.is_get {
        request.query.unwrap_or_default().as_bytes()
    } else {
        request.body
    };
    // If JSON were treated as a form, the same signature would be valid for other JSON.
    if event::is_json(contents) && body_hash.is_none() {
        return Err(Refusal::Malformed);
    }
    let urls = signed_urls(request.url, request.query);
    let is_signed = compare::any(compare::usable(secrets).flat_map(|token| {
        let parameters = parameters.as_bytes();
        urls.iter().map(move |url| {
            let mac = compare::hmac_sha1(token, &[url.as_bytes(), parameters]);
            compare::same_signature(STANDARD.encode(mac).as_bytes(), signature)
        })
    }));
    let is_body_meant = body_hash.is_none_or(|hash| {
        let expected = hexadecimal(&Sha256::digest(request.body));
        compare::same_signature(expected.as_bytes(), hash.as_bytes()).into()
    });
    if !is_signed || !is_body_meant {
        return Err(Refusal::Wrong);
    }
    let token = request.optional_text("i-twilio-idempotency-token")?;
    Ok(Verified::new(Scheme::Twilio, contents).delivered_as(token))
}

/// Returns the hash of the body according to Twilio.
fn body_hash(query: Option<&str>) -> Option<Cow<'_, str>> {
    form_urlencoded::parse(query?.as_bytes())
        .find_map(|(name, value)| (name == "bodySHA256").then_some(value))
}

/// Concatenates decoded names and values without separators, in byte order.
fn signed_parameters(form: &[u8]) -> String {
    let mut parameters: BTreeMap<Cow<'_, str>, BTreeSet<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(form) {
        parameters.entry(name).or_default().insert(value);
    }
    let mut text = String::with_capacity(form.len());
    for (name, values) in &parameters {
        for value in values {
            text.push_str(name);
            text.push_str(value);
        }
    }
    text
}

/// Returns the URL without a port and with it, with the query as sent: Twilio is not consistent.
fn signed_urls(url: &Url, query: Option<&str>) -> Vec<String> {
    let host = &url[..Position::AfterHost];
    let path = &url[Position::BeforePath..Position::AfterPath];
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let port = url.port_or_known_default();
    let ports = [None, port].map(|port| port.map(|port| format!(":{port}")).unwrap_or_default());
    ports
        .iter()
        .map(|port| format!("{host}{port}{path}{query}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::testing::Request;

    const URL: &str = "https://mycompany.com/myapp.php";
    const QUERY: Option<&str> = Some("foo=1&bar=2");
    const FORM: &str = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212\
                        &From=%2B14158675309&Caller=%2B14158675309";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    fn post(signature: &str, form: &str) -> Request {
        Request::new(Scheme::Twilio, &[("X-Twilio-Signature", signature)], form).url(URL, QUERY)
    }

    /// Returns Twilio's signature of `signed`.
    fn sign(signed: &str) -> String {
        STANDARD.encode(compare::hmac_sha1(b"12345", &[signed.as_bytes()]))
    }

    #[test]
    fn the_official_example_passes() {
        let request = post(SIGNATURE, FORM);
        assert_eq!(request.check(&["12345"]), Ok(FORM.as_bytes().to_vec()));
        request.needs_its_secret(&["12345"]);
    }

    /// The examples of twilio-python's tests.
    #[test]
    fn the_examples_of_the_official_library_pass() {
        let duplicates = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234";
        let json = r#"{"property": "value", "boolean": true}"#;
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let with_hash = format!("foo=1&bar=2&bodySHA256={hash}");
        let plain = "http://mycompany.com/myapp.php";
        for request in [
            post("IK+Dwps556ElfBT0I3Rgjkr1wJU=", duplicates),
            // Signed with port 443, and with port 80.
            post("kvajT1Ptam85bY51eRf/AJRuM3w=", FORM),
            post("0ZXoZLH/DfblKGATFgpif+LLRf4=", FORM).url(plain, QUERY),
            // A public URL with a custom port: signed without it, and with it.
            post(SIGNATURE, FORM).url("https://mycompany.com:1234/myapp.php", QUERY),
            post("Zmvh+3yNM1Phv2jhDCwEM3q5ebU=", FORM)
                .url("http://mycompany.com:1234/myapp.php", QUERY),
            post("a9nBmqA0ju/hNViExpshrM61xv4=", json).url(URL, Some(&with_hash)),
        ] {
            request.check(&["12345"]).unwrap();
        }
    }

    #[test]
    fn blank_and_equal_values_and_any_script_are_signed_as_the_libraries_do() {
        for (form, signed) in [
            ("b=&a=", "ab"),
            ("b&a", "ab"),
            ("b=2&b=1&b=2", "b1b2"),
            ("Z=1&a=2&B=3", "B3Z1a2"),
            ("A=x+y%2Bz", "Ax y+z"),
            ("N=Z%C3%BCrich&M=%F0%9F%A6%B7", "M🦷NZürich"),
            ("", ""),
        ] {
            let signature = sign(&format!("{URL}?foo=1&bar=2{signed}"));
            post(&signature, form).check(&["12345"]).unwrap();
        }
    }

    #[test]
    fn a_get_signs_its_query_as_sent() {
        let query = "CallSid=CA1&Name=a%20b&From=%2B1";
        let signature = sign(&format!("{URL}?{query}"));
        let mut request = post(&signature, "ignored").url(URL, Some(query));
        request.is_get = true;
        assert_eq!(request.check(&["12345"]), Ok(query.into()));
        for other in [
            Some("CallSid=CA1&Name=a+b&From=%2B1"),
            Some("Name=a%20b&CallSid=CA1&From=%2B1"),
            Some("CallSid=CA1&Name=a%20b&From=%2b1"),
            Some(""),
            None,
        ] {
            let request = request.clone().url(URL, other);
            assert_eq!(request.check(&["12345"]), Err(Refusal::Wrong), "{other:?}");
        }
    }

    #[test]
    fn both_the_url_and_the_body_of_json_are_checked() {
        let body = r#"{"CallSid":"CA1"}"#;
        let hash = hexadecimal(&Sha256::digest(body));
        let query = format!("bodySHA256={hash}");
        let signature = sign(&format!("{URL}?{query}"));
        let request = post(&signature, body).url(URL, Some(&query));
        request.is_sealed(&["12345"]);
        // The hash of another body is not the signed one.
        let other = r#"{"CallSid":"CA2"}"#;
        let query = format!("bodySHA256={}", hexadecimal(&Sha256::digest(other)));
        let request = post(&signature, other).url(URL, Some(&query));
        assert_eq!(request.check(&["12345"]), Err(Refusal::Wrong));
        // Without a hash the body would be treated as a form.
        let request = post(&sign(&format!("{URL}{body}")), body).url(URL, None);
        assert_eq!(request.check(&["12345"]), Err(Refusal::Malformed));
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let refused = |request: &Request| {
            assert_eq!(request.check(&["12345"]), Err(Refusal::Wrong));
        };
        for at in 0..FORM.len() {
            for bit in 0..7 {
                let mut other = post(SIGNATURE, FORM);
                other.body[at] ^= 1 << bit;
                // %2B and %2b are equal.
                if signed_parameters(&other.body) != signed_parameters(FORM.as_bytes()) {
                    refused(&other);
                }
            }
        }
        for at in 0..SIGNATURE.len() {
            let mut other = post(SIGNATURE, FORM);
            other.headers[0].1[at] ^= 1;
            refused(&other);
        }
        for (url, query) in [
            ("http://mycompany.com/myapp.php", QUERY),
            ("https://mycompany.com/myapp.php/", QUERY),
            ("https://mycompany.org/myapp.php", QUERY),
            ("https://mycompany.com/other.php", QUERY),
            (URL, Some("bar=2&foo=1")),
            (URL, None),
        ] {
            refused(&post(SIGNATURE, FORM).url(url, query));
        }
    }
}
