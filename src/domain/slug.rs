//! The short name of an organization in commands and addresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};
pub use crate::suggest::nearest;
use crate::suggest::quoted;

/// Shortest slug, in characters.
pub const MIN_LENGTH: usize = 2;
/// Longest slug, in characters: the length of a DNS label (RFC 1035 §2.3.4).
pub const MAX_LENGTH: usize = 63;

/// Names that would shadow a path or a host of the platform, or look official. Sorted.
#[rustfmt::skip]
pub const RESERVED: &[&str] = &[
    "about", "abuse", "account", "accounts", "activity", "admin", "administrator", "agent",
    "agents", "all", "api", "app", "assets", "audit", "auth", "billing", "blog", "cdn",
    "channel", "channels", "config", "console", "contact", "create", "current", "dashboard",
    "delete", "docs", "edit", "export", "ftp", "graphql", "health", "healthz", "help", "home",
    "hostmaster", "imap", "import", "info", "internal", "invite", "invites", "legal", "list",
    "local", "localhost", "login", "logout", "mail", "me", "member", "members", "metrics",
    "new", "none", "noreply", "null", "oauth", "official", "org", "organization",
    "organizations", "owner", "platform", "pop", "postmaster", "pricing", "privacy", "public",
    "purge", "register", "restore", "root", "security", "settings", "show", "signin", "signup",
    "smtp", "static", "status", "sudo", "support", "system", "team", "teams", "tenant",
    "tenants", "terms", "test", "undefined", "unset", "update", "use", "user", "users", "web",
    "webhook", "webhooks", "webmaster", "well-known", "www",
];

/// 2 to 63 of `a`–`z`, `0`–`9` and single hyphens inside; not a UUID and not [`RESERVED`].
#[derive(
    Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

checked_text!(Slug);

impl Slug {
    /// Parses `text` without changing it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the rule that `text` violates.
    pub fn parse(text: &str) -> Result<Self> {
        let Some(rule) = broken_rule(text) else {
            return Ok(Self(text.to_owned()));
        };
        let error = Error::bad_input(format!("{} is not a valid slug: {rule}", quoted(text)));
        Err(match Self::from_name(text) {
            Ok(near) => error.hint(format!("did you mean {near}?")),
            Err(_) => error.hint("choose something like harbor-clinic"),
        })
    }

    /// Reads a stored slug: names that were reserved later stay readable.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] for an empty text, which cannot be looked up.
    pub fn from_stored(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::bad_input("a slug must not be empty"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug for a display name: transliterated to ASCII, cut at a word.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] if no usable characters are left, or for a reserved
    /// name.
    pub fn from_name(name: &str) -> Result<Self> {
        let slug = cut(&slug::slugify(name), MAX_LENGTH);
        match broken_rule(&slug) {
            None => Ok(Self(slug)),
            Some(rule) => Err(Error::bad_input(format!(
                "no slug can be made from the name {}: {} is not a valid slug: {rule}",
                quoted(name),
                quoted(&slug)
            ))
            .hint("choose one with --slug, for example --slug harbor-clinic")),
        }
    }

    /// This slug with `-n` appended, shortened if that would be too long.
    #[must_use]
    pub fn with_suffix(&self, n: u32) -> Self {
        let suffix = format!("-{n}");
        Self(cut(&self.0, MAX_LENGTH - suffix.len()) + &suffix)
    }
}

/// The rule that `text` violates, as the end of a sentence.
fn broken_rule(text: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(MIN_LENGTH..=MAX_LENGTH).contains(&text.chars().count()) {
        Some(format!(
            "it must have {MIN_LENGTH} to {MAX_LENGTH} characters"
        ))
    } else if let Some(other) = text.chars().find(|&c| !is_allowed(c)) {
        Some(format!("{other:?} is not among a-z, 0-9 and the hyphen"))
    } else if text.starts_with('-') || text.ends_with('-') {
        Some("it must start and end with a letter or a digit".to_owned())
    } else if text.contains("--") {
        Some("hyphens must not be doubled".to_owned())
    } else if Uuid::try_parse(text).is_ok() {
        Some("it looks like an id (a UUID)".to_owned())
    } else if RESERVED.binary_search(&text).is_ok() {
        Some("the platform reserves it".to_owned())
    } else {
        None
    }
}

/// At most `length` characters of an ASCII slug, cut at a word boundary if there is one.
fn cut(slug: &str, length: usize) -> String {
    if slug.len() <= length {
        return slug.to_owned();
    }
    let head = &slug[..length];
    let ends_a_word = slug[length..].starts_with('-');
    let word_end = if ends_a_word { None } else { head.rfind('-') };
    word_end
        .map_or(head, |end| &head[..end])
        .trim_end_matches('-')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn reserved_names_are_sorted_slugs_by_shape() {
        assert!(RESERVED.is_sorted_by(|a, b| a < b));
        for name in RESERVED {
            assert_eq!(
                broken_rule(name).as_deref(),
                Some("the platform reserves it")
            );
        }
    }

    #[test]
    fn each_rule_is_named() {
        let cases = [
            ("", "2 to 63"),
            ("a", "2 to 63"),
            (&"a".repeat(64), "2 to 63"),
            ("Harbor", "'H' is not among"),
            ("harbor clinic", "' ' is not among"),
            ("härbor", "'ä' is not among"),
            ("-harbor", "start and end"),
            ("harbor-", "start and end"),
            ("harbor--clinic", "not be doubled"),
            ("admin", "reserves"),
            ("01890a5d-ac96-774b-bcce-b302099a8057", "looks like an id"),
            ("01890a5dac96774bbcceb302099a8057", "looks like an id"),
        ];
        for (text, rule) in cases {
            let error = Slug::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(rule), "{text}: {error}");
            assert_eq!(error.hints().len(), 1, "{text}");
        }
        for text in ["ab", "42", "harbor-clinic-2", &"a".repeat(63)] {
            assert_eq!(Slug::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_refused_slug_is_answered_with_a_valid_one() {
        let error = Slug::parse("Harbor Clinic").unwrap_err();
        assert_eq!(error.hints(), ["did you mean harbor-clinic?"]);
    }

    #[test]
    fn names_become_slugs() {
        let long = "Zahnarztpraxis Doktor Anneliese Brunhilde Schwarzenberger und Kolleginnen";
        let cases = [
            ("Harbor Clinic", "harbor-clinic"),
            ("  Dr. Müller & Söhne ", "dr-muller-sohne"),
            ("Größe", "grosse"),
            ("Αθήνα Dental", "athena-dental"),
            (
                long,
                "zahnarztpraxis-doktor-anneliese-brunhilde-schwarzenberger-und",
            ),
            (&"x".repeat(100), &"x".repeat(63)),
        ];
        for (name, slug) in cases {
            assert_eq!(Slug::from_name(name).unwrap().as_str(), slug);
        }
    }

    #[test]
    fn a_name_without_a_slug_asks_for_one() {
        for name in [
            "",
            "!!!",
            "x",
            "Admin",
            "01890a5d-ac96-774b-bcce-b302099a8057",
        ] {
            let error = Slug::from_name(name).unwrap_err();
            assert!(error.hints()[0].to_string().contains("--slug"), "{name}");
        }
    }

    #[test]
    fn a_suffix_keeps_the_slug_valid_and_whole_words() {
        let long = Slug::parse(&format!("{}-clinic", "a".repeat(56))).unwrap();
        assert_eq!(long.as_str().len(), 63);
        assert_eq!(
            long.with_suffix(2).as_str(),
            format!("{}-2", "a".repeat(56))
        );
        assert_eq!(
            Slug::parse("harbor").unwrap().with_suffix(10).as_str(),
            "harbor-10"
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_what_it_accepts(text in "\\PC{0,80}|[a-z0-9-]{0,70}") {
            if let Ok(slug) = Slug::parse(&text) {
                prop_assert_eq!(slug.as_str(), &text);
                let json = serde_json::to_string(&slug).unwrap();
                prop_assert_eq!(serde_json::from_str::<Slug>(&json).unwrap(), slug);
            }
        }

        #[test]
        fn what_is_made_from_a_name_is_a_slug(name in "\\PC{0,120}", n in any::<u32>()) {
            if let Ok(slug) = Slug::from_name(&name) {
                prop_assert!(Slug::parse(slug.as_str()).is_ok());
                prop_assert!(Slug::parse(slug.with_suffix(n).as_str()).is_ok());
            }
        }
    }
}
