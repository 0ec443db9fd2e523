//! E-mail addresses in canonical form, as they are compared and stored.

use email_address::{EmailAddress, Options};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Host;

use super::names::is_hidden;
use crate::error::{Error, Result};
use crate::suggest::quoted;

/// Longest address, in bytes (RFC 5321 §4.5.3.1.3 with erratum 1690).
const MAX_BYTES: usize = 254;

/// A bare address (RFC 5321) with a dot in its domain; lower case, the domain in ASCII (IDNA).
///
/// Mail systems may distinguish `Ann@` from `ann@`, but none that matter do, and an invitation to
/// one must be acceptable by the other.
#[derive(
    Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

checked_text!(Email);

impl Email {
    /// Parses an address, trimmed and lower-cased.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::BadInput`] with the rule that `text` violates.
    pub fn parse(text: &str) -> Result<Self> {
        canonical(text.trim()).map(Self).map_err(|rule| {
            let value = quoted(text);
            Error::bad_input(format!("{value} is not a valid e-mail address: {rule}"))
                .hint("write the bare address, for example ann@example.com")
        })
    }

    /// The lookup key of an address (SHA-256): data that crosses tenants contains no address in
    /// clear.
    pub fn lookup_hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Returns the stored form, or the rule that `text` violates.
fn canonical(text: &str) -> Result<String, String> {
    let options = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    let address = EmailAddress::parse_with_options(text, options).map_err(|e| e.to_string())?;
    if text.chars().any(is_hidden) {
        return Err("it contains an invisible character".to_owned());
    }
    let domain = domain(address.domain())?;
    let address = format!("{}@{domain}", address.local_part().to_lowercase());
    if address.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    Ok(address)
}

/// Returns the canonical form of a host name with a dot.
fn domain(text: &str) -> Result<String, String> {
    match Host::parse(text) {
        Ok(Host::Domain(domain)) if !domain.contains('.') => {
            Err(format!("the domain {domain} has no dot"))
        }
        Ok(Host::Domain(domain)) if !domain.ends_with('.') => Ok(domain),
        _ => Err(format!("{} is not a domain name", quoted(text))),
    }
}

/// Parses only the domain of an e-mail address, such as `example.com`, as returned by
/// [`Email::domain`].
///
/// # Errors
/// [`crate::error::ErrorKind::BadInput`] with the rule that `text` violates.
pub fn parse_domain(text: &str) -> Result<String> {
    let bare = text.trim();
    let checked = canonical(&format!("postmaster@{bare}")).and_then(|_| domain(bare));
    checked.map_err(|rule| {
        let value = quoted(text);
        Error::bad_input(format!("{value} is not a valid e-mail domain: {rule}"))
            .hint("write only what follows the @, for example example.com")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn addresses_take_their_canonical_form() {
        for (text, address, domain) in [
            ("ann@example.com", "ann@example.com", "example.com"),
            (
                "  Ann.Lee+x@Mail.Example.COM\n",
                "ann.lee+x@mail.example.com",
                "mail.example.com",
            ),
            (
                "info@Müller.de",
                "info@xn--mller-kva.de",
                "xn--mller-kva.de",
            ),
            ("\"a@b\"@example.com", "\"a@b\"@example.com", "example.com"),
        ] {
            let email = Email::parse(text).unwrap();
            assert_eq!(email.as_str(), address);
            assert_eq!(email.domain(), domain);
        }
    }

    #[test]
    fn what_is_no_bare_address_is_refused_with_value_and_remedy() {
        let long = format!("{}@{}.com", "a".repeat(60), "b.".repeat(100));
        for text in [
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@localhost",
            "Ann <ann@example.com>",
            "ann@[192.0.2.1]",
            "ann@192.0.2.1",
            "ann@example..com",
            "ann@exa mple.com",
            "ann@example.com.",
            "a@b.c,d@e.f",
            "ann@example.com\nBcc: x@y.z",
            "a\u{202E}nn@example.com",
            &long,
        ] {
            let error = Email::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(&quoted(text)), "{error}");
            assert!(error.hints()[0].to_string().contains("ann@example.com"));
        }
    }

    #[test]
    fn domains_alone() {
        assert_eq!(parse_domain(" Example.COM").unwrap(), "example.com");
        for text in [
            "",
            "com",
            "@example.com",
            "ann@example.com",
            "a b.com",
            "*.example.com",
        ] {
            assert!(parse_domain(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(text in "\\PC{0,60}|\\PC{1,20}@[a-zA-Z0-9ä.-]{1,30}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(!email.domain().is_empty());
                prop_assert_eq!(&Email::parse(email.as_str()).unwrap(), &email);
                let json = serde_json::to_string(&email).unwrap();
                prop_assert_eq!(serde_json::from_str::<Email>(&json).unwrap(), email);
            }
        }

        #[test]
        fn ordinary_addresses_are_accepted(
            local in "[a-z0-9]{1,20}([.+_-][a-z0-9]{1,10}){0,2}",
            domain in "[a-z][a-z0-9]{0,20}(\\.[a-z]{2,10}){1,2}",
        ) {
            let text = format!("{local}@{domain}");
            let email = Email::parse(&text.to_uppercase()).unwrap();
            prop_assert_eq!(email.as_str(), text);
        }
    }
}
