//! The web chat: what strangers may see of an organization, the session of a visitor, and what a
//! visitor may write.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Locale, OrganizationId, channel::Origin};
use crate::error::{Error, Result};

/// For how long a session lasts.
pub const SESSION_LIFE: TimeDelta = TimeDelta::minutes(15);

/// How far ahead the clock of another server may be.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(1);

/// Longest text of a message, in characters.
pub const MAX_TEXT: usize = 4_000;

/// Longest id of a message, in characters.
pub const MAX_ID: usize = 64;

/// How a stranger names an organization. Only what could be the name of one is made into this.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Named {
    Slug(String),
    Id(OrganizationId),
}

impl Named {
    /// A slug; `None`: no organization has such a one, whatever the database holds.
    pub fn slug(text: &str) -> Option<Self> {
        let is_allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let is_slug = (2..=63).contains(&text.len()) && text.bytes().all(is_allowed);
        is_slug.then(|| Self::Slug(text.to_owned()))
    }

    /// An id.
    pub fn id(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::Id)
    }
}

/// What strangers may see of an organization and its web chat, and what decides whether they may.
///
/// It is read from the database like this: nothing else of the channel (instructions, model,
/// integrations) is ever in the same place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicChannel {
    pub organization: OrganizationId,
    pub name: String,
    pub language: Locale,
    pub greeting: Option<String>,
    /// The web sites that may show the chat.
    pub allowed_origins: Vec<Origin>,
    /// Counts the changes of the channel.
    pub version: i64,
}

impl PublicChannel {
    /// Whether a web site may show the chat: the origin as the browser sent it, byte by byte.
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins
            .iter()
            .any(|allowed| allowed.as_str() == origin)
    }
}

/// What the token of a session says. Nothing of it is a secret; the signature is what proves.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SessionClaims {
    #[serde(rename = "org")]
    pub organization: OrganizationId,
    #[serde(rename = "sid")]
    pub session: Uuid,
    /// The web site that it was given to.
    pub origin: String,
    /// The version of the configuration that the widget was shown.
    #[serde(rename = "ver")]
    pub version: i64,
    #[serde(rename = "iat", with = "chrono::serde::ts_seconds")]
    pub issued_at: DateTime<Utc>,
    #[serde(rename = "exp", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
}

impl SessionClaims {
    /// A session that begins now.
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

    /// Whether the session has begun and not ended.
    pub fn is_current(&self, now: DateTime<Utc>) -> bool {
        self.issued_at - CLOCKS_APART <= now
            && now < self.expires_at
            && self.expires_at - self.issued_at <= SESSION_LIFE
    }
}

/// A message, as the widget sends it. What else it sends is not looked at.
#[derive(Clone, Deserialize)]
pub struct VisitorMessage {
    /// The widget's own, unique in the session: a message that is sent again has the same.
    pub id: String,
    pub text: String,
}

impl VisitorMessage {
    /// Refuses what cannot be a message. The error repeats nothing of it.
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
            "text has control characters".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::bad_input(broken).hint("send {\"id\": \"1\", \"text\": \"Hello\"}"))
    }
}

/// Messages are private, and never reach a log.
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
