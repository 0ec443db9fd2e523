//! A received request.

use url::Url;

use super::Refusal;

/// Headers that are stored with an event. Others are not: they are not needed or, like
/// `Authorization` and the header that an endpoint uses for its secret, must not be stored.
const STORED_HEADERS: &[&str] = &[
    "content-type",
    "i-twilio-idempotency-token",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-hub-signature-256",
    "x-request-id",
    "x-retell-signature",
    "x-twilio-signature",
];

/// `true` if a request header may be stored with its event. All of them are public, or signatures,
/// which are not valid for another body.
pub fn is_stored_header(name: &str) -> bool {
    STORED_HEADERS
        .iter()
        .any(|stored| stored.eq_ignore_ascii_case(name))
}

/// An unverified request.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// `true` for a GET, `false` for a POST.
    pub is_get: bool,
    /// The configured public URL of the endpoint, as set at the provider, not as rewritten by a
    /// proxy.
    pub url: &'a Url,
    /// The query as sent, without `?`.
    pub query: Option<&'a str>,
    /// Header names and values.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body as sent.
    pub body: &'a [u8],
}

impl<'a> Incoming<'a> {
    /// Returns the value of an optional header.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if it occurs twice: another reader might use the other value.
    pub(super) fn header(&self, name: &str) -> Result<Option<&'a [u8]>, Refusal> {
        let mut values = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Refusal::Malformed),
        }
    }

    /// Returns the value of a header that the proof requires.
    pub(super) fn require(&self, name: &str) -> Result<&'a [u8], Refusal> {
        match self.header(name)? {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(Refusal::Missing),
        }
    }

    /// Returns a required header as text of visible ASCII characters and spaces.
    pub(super) fn require_text(&self, name: &str) -> Result<&'a str, Refusal> {
        text(self.require(name)?).ok_or(Refusal::Malformed)
    }

    /// Returns an optional header as text; a value that is not text is treated as missing.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        Ok(self
            .header(name)?
            .and_then(text)
            .filter(|text| !text.is_empty()))
    }
}

fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_comes_twice_is_none() {
        let url = Url::parse("https://example.com/").unwrap();
        let request = Incoming {
            is_get: false,
            url: &url,
            query: None,
            headers: &[
                ("A", b"1"),
                ("b", b"2"),
                ("B", b"3"),
                ("c", b""),
                ("d", b"\xFF"),
            ],
            body: b"",
        };
        assert_eq!(request.require("a"), Ok(b"1".as_slice()));
        assert_eq!(request.require("b"), Err(Refusal::Malformed));
        assert_eq!(request.require("c"), Err(Refusal::Missing));
        assert_eq!(request.require("e"), Err(Refusal::Missing));
        assert_eq!(request.require_text("d"), Err(Refusal::Malformed));
        assert_eq!(request.optional_text("d"), Ok(None));
    }

    #[test]
    fn credentials_are_not_stored() {
        assert!(is_stored_header("X-Twilio-Signature"));
        for name in ["Authorization", "apikey", "Cookie", "X-Webhook-Token"] {
            assert!(!is_stored_header(name), "{name}");
        }
    }
}
