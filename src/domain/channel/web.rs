//! The two kinds of address in channel settings: web origins and media stream URLs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::error::{Error, Result};
use crate::suggest::quoted;

/// A web origin (RFC 6454 §6.2): `scheme://host[:port]`, compared exactly.
///
/// Only `https`, except on the machine itself.
#[derive(
    Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

checked_text!(Origin);

impl Origin {
    /// Parses an origin; removes a default port and a trailing slash, and converts the host to lower
    /// case.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the rule that `text` violates.
    pub fn parse(text: &str) -> Result<Self> {
        origin(text.trim()).map(Self).map_err(|rule| {
            let value = quoted(text);
            Error::bad_input(format!("{value} is not a valid origin: {rule}"))
                .hint("specify scheme and host, for example https://www.example.com")
        })
    }
}

fn origin(text: &str) -> Result<String, String> {
    if text.contains('*') {
        return Err("wildcards are not allowed: list each origin".to_owned());
    }
    let url = plain_url(text)?;
    if url.path() != "/" {
        return Err("an origin has no path".to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine(&url) => {}
        "http" => return Err("http is allowed for localhost only, use https".to_owned()),
        _ => return Err("it must start with https://".to_owned()),
    }
    Ok(url.origin().ascii_serialization())
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The URL to which Twilio streams the audio of a call: `wss://` without a query string, as
/// [Twilio's `<Stream>`](https://www.twilio.com/docs/voice/twiml/stream) requires.
#[derive(
    Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct StreamUrl(String);

checked_text!(StreamUrl);

impl StreamUrl {
    /// Parses a stream URL.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the rule that `text` violates.
    pub fn parse(text: &str) -> Result<Self> {
        let checked = plain_url(text.trim()).and_then(|url| match url.scheme() {
            "wss" => Ok(Self(url.into())),
            _ => Err("it must start with wss://".to_owned()),
        });
        checked.map_err(|rule| {
            // The invalid part may be a password or a token in the query: it is not repeated.
            let shown = quoted(text.split(['?', '#', '@']).next().unwrap_or_default());
            let value = if text.contains('@') {
                "the value"
            } else {
                &shown
            };
            Error::bad_input(format!("{value} is not a valid stream URL: {rule}"))
                .hint("use a URL such as wss://voice.example.com/media")
        })
    }
}

/// A URL of scheme, host, port and path only.
fn plain_url(text: &str) -> Result<Url, String> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("it contains a space, a control character or a backslash".to_owned());
    }
    let url = Url::parse(text).map_err(|cause| cause.to_string())?;
    if !url.has_host() {
        Err("it has no host".to_owned())
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("it must not contain a user name or a password".to_owned())
    } else if url.query().is_some() {
        Err("it must not have a query string".to_owned())
    } else if url.fragment().is_some() {
        Err("it must not have a fragment (#)".to_owned())
    } else {
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_take_the_form_in_which_browsers_send_them() {
        for (text, origin) in [
            ("https://www.example.com", "https://www.example.com"),
            ("HTTPS://WWW.Example.com:443/", "https://www.example.com"),
            ("https://example.com:8443", "https://example.com:8443"),
            ("https://müller.de", "https://xn--mller-kva.de"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            let parsed = Origin::parse(text).unwrap();
            assert_eq!(parsed.as_str(), origin);
            assert_eq!(Origin::parse(origin).unwrap(), parsed);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_its_rule() {
        for (text, rule) in [
            ("", "relative URL"),
            ("*", "wildcards"),
            ("https://*.example.com", "wildcards"),
            ("www.example.com", "relative URL"),
            ("http://example.com", "localhost only"),
            ("http://localhost.example.com", "localhost only"),
            ("ftp://example.com", "start with https"),
            ("null", "relative URL"),
            ("https://example.com/chat", "no path"),
            ("https://example.com?x=1", "query"),
            ("https://example.com#x", "fragment"),
            ("https://u:p@example.com", "user name"),
            ("https://exa mple.com", "space"),
            ("data:text/html,x", "no host"),
        ] {
            let error = Origin::parse(text).unwrap_err();
            assert!(error.to_string().contains(rule), "{text}: {error}");
        }
    }

    #[test]
    fn stream_urls() {
        let url = StreamUrl::parse(" wss://voice.example.com:8443/media ").unwrap();
        assert_eq!(url.as_str(), "wss://voice.example.com:8443/media");
        for (text, rule) in [
            ("ws://voice.example.com/media", "wss://"),
            ("https://voice.example.com/media", "wss://"),
            ("wss://voice.example.com/media?clinic=1", "query"),
            ("wss://", "host"),
            ("voice.example.com/media", "relative URL"),
        ] {
            let error = StreamUrl::parse(text).unwrap_err();
            assert!(error.to_string().contains(rule), "{text}: {error}");
        }
    }

    #[test]
    fn a_secret_in_a_stream_url_is_not_repeated() {
        for text in [
            "wss://voice.example.com/media?token=s3cret",
            "wss://ops:s3cret@voice.example.com/media",
            "wss://voice.example.com/#s3cret",
        ] {
            let error = StreamUrl::parse(text).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
