//! The web chat: public information about an organization, a visitor's session, and a visitor's
//! messages.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Locale, OrganizationId, channel::Origin};
use crate::error::{Error, Result};

/// Lifetime of a session.
pub const SESSION_LIFE: TimeDelta = TimeDelta::minutes(15);

/// Maximum clock skew of another server.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(1);

/// Maximum length of a message, in characters.
pub const MAX_TEXT: usize = 4_000;

/// Maximum length of a message id, in characters.
pub const MAX_ID: usize = 64;

/// The name by which a visitor refers to an organization. Only possible names are accepted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Named {
    Slug(String),
    Id(OrganizationId),
}

impl Named {
    /// Parses a slug; `None` if no organization can have it, whatever the database contains.
    pub fn slug(text: &str) -> Option<Self> {
        let is_allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let is_slug = (2..=63).contains(&text.len()) && text.bytes().all(is_allowed);
        is_slug.then(|| Self::Slug(text.to_owned()))
    }

    /// Parses an id.
    pub fn id(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::Id)
    }
}

/// The public information about an organization and its web chat, and what determines whether a
/// visitor may see it.
///
/// It is read from the database in this form: no other data of the channel (instructions, model,
/// integrations) is ever in the same struct.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicChannel {
    pub organization: OrganizationId,
    pub name: String,
    pub language: Locale,
    pub greeting: Option<String>,
    /// The websites that may show the chat.
    pub allowed_origins: Vec<Origin>,
    /// Number of changes of the channel.
    pub version: i64,
}

impl PublicChannel {
    /// Returns `true` if a website may show the chat. The origin is compared byte by byte, as the
    /// browser sent it.
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins
            .iter()
            .any(|allowed| allowed.as_str() == origin)
    }
}

/// The claims of a session token. They are not secret; the signature is the proof.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SessionClaims {
    #[serde(rename = "org")]
    pub organization: OrganizationId,
    #[serde(rename = "sid")]
    pub session: Uuid,
    /// The website to which the token was issued.
    pub origin: String,
    /// The version of the configuration that the widget received.
    #[serde(rename = "ver")]
    pub version: i64,
    #[serde(rename = "iat", with = "chrono::serde::ts_seconds")]
    pub issued_at: DateTime<Utc>,
    #[serde(rename = "exp", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
}

impl SessionClaims {
    /// Creates a session that starts now.
    pub fn new(channel: &PublicChannel, session: Uuid, origin: &str, now: DateTime<Utc>) -> Self {
        Self {
            organization: channel.organization,
            session,
            origin: origin.to_owned(),
            version: channel.version,
            issued_at: now,
            expires_at: now + SESSION_LIFE,
        }
    }

    /// Returns `true` if the session has started and not expired.
    pub fn is_current(&self, now: DateTime<Utc>) -> bool {
        self.issued_at - CLOCKS_APART <= now
            && now < self.expires_at
            && self.expires_at - self.issued_at <= SESSION_LIFE
    }
}

/// A message, as sent by the widget. Other fields are ignored.
#[derive(Clone, Deserialize)]
pub struct VisitorMessage {
    /// The widget's id, unique in the session: a resent message has the same id.
    pub id: String,
    pub text: String,
}

impl VisitorMessage {
    /// Checks the message. The error does not repeat any of it.
    ///
    /// # Errors
    /// `BadInput` with the rule.
    pub fn check(&self) -> Result<()> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let broken = if !(1..=MAX_ID).contains(&self.id.len()) || !self.id.chars().all(is_plain) {
            format!("id must be 1 to {MAX_ID} of a-z, A-Z, 0-9, - and _")
        } else if self.text.trim().is_empty() {
            "text is empty".to_owned()
        } else if self.text.chars().count() > MAX_TEXT {
            format!("text is longer than {MAX_TEXT} characters")
        } else if self.text.contains(is_odd) {
            "text contains control characters".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::bad_input(broken).hint("send {\"id\": \"1\", \"text\": \"Hello\"}"))
    }
}

/// Messages are private and must not reach a log.
impl std::fmt::Debug for VisitorMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VisitorMessage").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_could_be_a_slug_is_one() {
        for slug in ["ab", "alpha", "harbor-clinic-2", &"a".repeat(63)] {
            assert_eq!(Named::slug(slug), Some(Named::Slug(slug.to_owned())));
        }
        for other in [
            "",
            "a",
            &"a".repeat(64),
            "Alpha",
            "alpha ",
            "alpha\0",
            "alpha' OR '1'='1",
            "alpha;--",
            "al%pha",
            "al_pha",
            "../alpha",
            "älpha",
        ] {
            assert_eq!(Named::slug(other), None, "{other:?}");
        }
        assert_eq!(Named::id("x"), None);
        assert!(Named::id("0197a3b0-0000-7000-8000-000000000001").is_some());
    }

    fn channel(origins: &[&str]) -> PublicChannel {
        PublicChannel {
            organization: Uuid::from_u128(1).into(),
            name: "Alpha".to_owned(),
            language: "de-CH".parse().unwrap(),
            greeting: None,
            allowed_origins: origins.iter().map(|text| text.parse().unwrap()).collect(),
            version: 3,
        }
    }

    #[test]
    fn origins_are_compared_byte_by_byte() {
        let channel = channel(&["https://a.example", "http://localhost:3000"]);
        assert!(channel.allows("https://a.example"));
        assert!(channel.allows("http://localhost:3000"));
        for other in [
            "",
            "null",
            "*",
            "http://a.example",
            "https://a.example:443",
            "https://a.example/",
            "https://A.example",
            "https://a.example.evil.example",
            "https://evil-a.example",
            "https://x.a.example",
            "http://localhost",
        ] {
            assert!(!channel.allows(other), "{other}");
        }
    }

    #[test]
    fn a_session_has_its_time() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let channel = channel(&["https://a.example"]);
        let claims = SessionClaims::new(&channel, Uuid::nil(), "https://a.example", now);
        assert!(claims.is_current(now));
        assert!(claims.is_current(now + SESSION_LIFE - TimeDelta::seconds(1)));
        assert!(!claims.is_current(now + SESSION_LIFE));
        assert!(claims.is_current(now - TimeDelta::seconds(30)));
        assert!(!claims.is_current(now - TimeDelta::minutes(2)));
        let longer = SessionClaims {
            expires_at: now + SESSION_LIFE * 2,
            ..claims
        };
        assert!(!longer.is_current(now));
    }

    #[test]
    fn messages_have_their_rules_and_errors_repeat_nothing() {
        let message = |id: &str, text: &str| VisitorMessage {
            id: id.to_owned(),
            text: text.to_owned(),
        };
        for (id, text) in [("1", "Hello"), ("a-B_9", "Grüezi\nmitenand\t👩‍⚕️")] {
            message(id, text).check().unwrap();
        }
        message("1", &"é".repeat(MAX_TEXT)).check().unwrap();
        for (id, text) in [
            ("", "canary"),
            ("canary/1", "x"),
            (&"c".repeat(MAX_ID + 1), "x"),
            ("1", " \n"),
            ("1", "canary\0"),
            ("1", "canary\u{1b}[2J"),
            ("1", &"é".repeat(MAX_TEXT + 1)),
        ] {
            let error = message(id, text).check().unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        assert!(!format!("{:?}", message("1", "canary")).contains("canary"));
    }
}
