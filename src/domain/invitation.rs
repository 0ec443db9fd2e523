//! Invitations: token, lifetime, link, and allowed recipients.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::{Host, Url};
use uuid::Uuid;
use zeroize::Zeroize;

use super::email::{Email, parse_domain};
use super::ids::{InvitationId, OrganizationId, UserId};
use super::role::Role;
use crate::error::{Error, ErrorKind, Result};
use crate::run;
use crate::suggest::quoted;

/// The message for a token that is malformed, unknown, used, expired or revoked: the same text, so
/// that they cannot be distinguished.
pub const UNKNOWN_TOKEN: &str = "this invitation is not valid or has expired";
/// Days until an invitation expires, by default.
pub const DEFAULT_EXPIRY_DAYS: u32 = 7;
/// Maximum number of days until an invitation expires.
pub const MAX_EXPIRY_DAYS: u32 = 30;
/// The placeholder for the token in a link template.
pub const TOKEN_PLACEHOLDER: &str = "{token}";

const ID_BYTES: usize = 16;
const TOKEN_BYTES: usize = ID_BYTES + 32;
/// Base64 without padding encodes 3 bytes as 4 characters.
const TOKEN_CHARACTERS: usize = TOKEN_BYTES / 3 * 4;

/// The secret of an invitation: 16 bytes of organization id and 256 random bits.
///
/// The id routes the lookup to one tenant and proves nothing; the random part is the proof. Neither
/// `Debug` nor an error shows the token, and its memory is wiped on drop.
#[derive(Clone)]
pub struct InvitationToken {
    bytes: [u8; TOKEN_BYTES],
}

impl InvitationToken {
    /// Creates a token for `organization` from 256 fresh random bits.
    pub fn new(organization: OrganizationId, random: [u8; 32]) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..ID_BYTES].copy_from_slice(organization.as_uuid().as_bytes());
        bytes[ID_BYTES..].copy_from_slice(&random);
        Self { bytes }
    }

    /// Parses the text form: 64 characters of base64url (RFC 4648 §5), alone or in a link of any
    /// template.
    ///
    /// # Errors
    /// [`unknown_token`], which is also returned for a well-formed token that does not exist.
    pub fn parse(text: &str) -> Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(without_link(text.trim()), &mut bytes) {
            Ok(TOKEN_BYTES) => Ok(Self { bytes }),
            _ => {
                bytes.zeroize();
                Err(unknown_token())
            }
        }
    }

    /// The inviting organization.
    pub fn organization_id(&self) -> OrganizationId {
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&self.bytes[..ID_BYTES]);
        Uuid::from_bytes(id).into()
    }

    /// SHA-256 of the whole token, as stored in the database. 256 random bits cannot be guessed, so
    /// a slow password hash would add nothing.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }

    /// The text form, which is shown once.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }
}

impl Drop for InvitationToken {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for InvitationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Extracts the token from a link: the end of the first sufficiently long run of token characters,
/// after `#` (see [`check_link_template`]). Any other text is returned unchanged.
fn without_link(text: &str) -> &str {
    let Some((_, fragment)) = text.split_once('#') else {
        return text;
    };
    let in_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    fragment
        .split(|c| !in_token(c))
        .find_map(|run| run.get(run.len().checked_sub(TOKEN_CHARACTERS)?..))
        .unwrap_or(text)
}

/// The only error for a token that cannot be accepted: [`UNKNOWN_TOKEN`].
pub fn unknown_token() -> Error {
    Error::not_found(UNKNOWN_TOKEN).hint("ask the person who invited you for a new invitation")
}

named_enum! {
    /// The status of an invitation.
    pub enum InvitationStatus as "invitation status" {
        Pending = "pending", "Not accepted yet.";
        Accepted = "accepted", "Accepted; the token is no longer valid.";
        Revoked = "revoked", "Revoked.";
        Expired = "expired", "Not accepted in time.";
    }
}

impl InvitationStatus {
    /// The status at `now` of an invitation stored as `self`: pending invitations expire exactly at
    /// `expires_at`, without an update.
    #[must_use]
    pub fn at(self, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        match self {
            Self::Pending if expires_at <= now => Self::Expired,
            other => other,
        }
    }
}

/// An invitation to one organization. It does not contain the token: only a hash is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Invitation {
    pub id: InvitationId,
    pub email: Email,
    pub role: Role,
    /// The stored status; see [`Invitation::status_at`] for the effective one.
    pub status: InvitationStatus,
    /// The user who sent the invitation; `None` for an operator.
    pub invited_by_user_id: Option<UserId>,
    pub invited_by: String,
    /// Number of tokens issued for it.
    pub times_issued: i32,
    pub expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Invitation {
    /// The effective status at `now`.
    pub fn status_at(&self, now: DateTime<Utc>) -> InvitationStatus {
        self.status.at(self.expires_at, now)
    }
}

/// The time at which an invitation created `now` expires.
///
/// # Errors
/// [`ErrorKind::BadInput`] unless `days` is 1 to [`MAX_EXPIRY_DAYS`].
pub fn expiry(now: DateTime<Utc>, days: u32) -> Result<DateTime<Utc>> {
    if !(1..=MAX_EXPIRY_DAYS).contains(&days) {
        return Err(Error::bad_input(format!(
            "an invitation cannot expire after {days} days: 1 to {MAX_EXPIRY_DAYS} are allowed"
        ))
        .hint(format!("omit it for {DEFAULT_EXPIRY_DAYS} days")));
    }
    now.checked_add_signed(TimeDelta::days(days.into()))
        .ok_or_else(|| Error::new(ErrorKind::BadInput, format!("{now} is out of range")))
}

/// Checks a link template: a URL with `{token}` once, after `#`. A fragment never reaches a
/// server (RFC 3986 §3.5), so the token stays out of its logs.
///
/// # Errors
/// [`ErrorKind::BadInput`] with the rule that `template` violates.
pub fn check_link_template(template: &str) -> Result<()> {
    let places = template.matches(TOKEN_PLACEHOLDER).count();
    let in_fragment = template
        .split_once('#')
        .is_some_and(|(_, fragment)| fragment.contains(TOKEN_PLACEHOLDER));
    let rule = if places != 1 {
        format!("it contains {TOKEN_PLACEHOLDER} {places} times, not once")
    } else if !in_fragment {
        format!("{TOKEN_PLACEHOLDER} must come after #, so that it stays out of server logs")
    } else if let Err(cause) = Url::parse(template) {
        format!("it is not a URL ({cause})")
    } else {
        return Ok(());
    };
    Err(Error::bad_input(format!(
        "{} is not a valid link template: {rule}",
        quoted(template)
    ))
    .hint("write something like https://app.example.com/invite#token={token}"))
}

/// Refuses a template with a host that is reserved for examples and tests (RFC 2606, RFC 6761), such as
/// the default: mailed links would lead nowhere, or to a stranger's host.
///
/// # Errors
/// [`ErrorKind::BadInput`].
pub fn require_address(template: &str) -> Result<()> {
    check_link_template(template)?;
    let host = Url::parse(template).ok();
    let host = host.as_ref().and_then(Url::host);
    let reserved = match host {
        Some(Host::Domain(name)) => is_reserved(name),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => true,
    };
    if !reserved {
        return Ok(());
    }
    Err(Error::bad_input(format!(
        "link_template: not set: mailed invitations would link to {}, which is reserved for examples",
        host.map_or_else(|| "no host".to_owned(), |host| host.to_string())
    ))
    .hint(run!["config", "path"].labeled(
        "set link_template in the section [invitations] of the configuration to the address of your platform; the file",
    )))
}

/// Returns `true` for names that cannot be registered (RFC 2606 2 and 3, RFC 6761 6).
fn is_reserved(host: &str) -> bool {
    const RESERVED: [&str; 7] = [
        "example",
        "example.com",
        "example.net",
        "example.org",
        "invalid",
        "localhost",
        "test",
    ];
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    RESERVED.iter().any(|reserved| {
        let above = host.strip_suffix(reserved);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    })
}

/// The link to send, with the token in the fragment.
pub fn link(template: &str, token: &InvitationToken) -> Result<String> {
    check_link_template(template)?;
    Ok(template.replace(TOKEN_PLACEHOLDER, &token.expose()))
}

/// The e-mail domains that invited addresses must belong to: exact, sorted, without duplicates. If
/// empty, all are allowed.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct AllowedDomains(Vec<String>);

impl AllowedDomains {
    /// Parses the domains, in any order and letter case.
    pub fn parse<T: AsRef<str>>(domains: impl IntoIterator<Item = T>) -> Result<Self> {
        let parsed = domains
            .into_iter()
            .map(|domain| parse_domain(domain.as_ref()));
        let mut domains = parsed.collect::<Result<Vec<_>>>()?;
        domains.sort_unstable();
        domains.dedup();
        Ok(Self(domains))
    }

    /// The domains.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Returns `true` if `email` may be invited; see [`domain_allowed`].
    pub fn allows(&self, email: &Email) -> bool {
        domain_allowed(email, &self.0)
    }
}

impl TryFrom<Vec<String>> for AllowedDomains {
    type Error = Error;

    fn try_from(domains: Vec<String>) -> Result<Self> {
        Self::parse(domains)
    }
}

impl From<AllowedDomains> for Vec<String> {
    fn from(domains: AllowedDomains) -> Self {
        domains.0
    }
}

/// Returns `true` if the domain of `email` is one of `domains` (a subdomain is a different domain),
/// or if `domains` is empty.
pub fn domain_allowed(email: &Email, domains: &[String]) -> bool {
    domains.is_empty()
        || domains
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(email.domain()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(id: u128, random: [u8; 32]) -> InvitationToken {
        InvitationToken::new(Uuid::from_u128(id).into(), random)
    }

    #[test]
    fn a_reserved_host_is_no_address() {
        let of = |host: &str| require_address(&format!("https://{host}/invite#token={{token}}"));
        for host in [
            "app.example.com",
            "example.org",
            "APP.Example.Net.",
            "clinic.example",
            "localhost:8080",
            "app.localhost",
            "a.test",
            "b.invalid",
            "127.0.0.1",
            "[::1]",
            "0.0.0.0",
        ] {
            let error = of(host).expect_err(host);
            assert!(
                error.to_string().contains("link_template: not set"),
                "{error}"
            );
        }
        for host in [
            "app.smiles.care",
            "notexample.com",
            "example.com.au",
            "10.0.0.7",
            "contest",
        ] {
            of(host).expect(host);
        }
    }

    #[test]
    fn neither_debug_nor_errors_show_a_token() {
        let token = token(1, [7; 32]);
        assert_eq!(format!("{token:?}"), "[redacted]");
        let text = token.expose();
        let error = InvitationToken::parse(&text[1..]).unwrap_err();
        assert!(!format!("{error:?}").contains(&text[1..]));
    }

    #[test]
    fn malformed_tokens_look_unknown() {
        let good = token(1, [7; 32]).expose();
        for text in [
            "",
            "x",
            &good[..63],
            &format!("{good}A"),
            &format!("{good}="),
            &good.replacen('A', "+", 1),
            &format!("{} {}", &good[..30], &good[31..]),
        ] {
            let error = InvitationToken::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(error.to_string(), UNKNOWN_TOKEN);
            assert_eq!(error.hints(), unknown_token().hints());
        }
        assert!(InvitationToken::parse(&format!(" {good}\n")).is_ok());
    }

    #[test]
    fn the_hash_covers_the_organization_too() {
        assert_ne!(token(1, [7; 32]).hash(), token(2, [7; 32]).hash());
        assert_ne!(token(1, [7; 32]).hash(), token(1, [8; 32]).hash());
    }

    #[test]
    fn a_token_is_found_in_its_link() {
        let token = token(1, [7; 32]);
        for template in [
            "https://app.example.com/invite#token={token}",
            "https://app.example.com/#/join/{token}/welcome",
            "https://app.example.com/?from=mail#lang=de&token={token}&once",
            "https://app.example.com/#join-{token}",
        ] {
            let link = link(template, &token).unwrap();
            let read = InvitationToken::parse(&format!(" {link}\n")).unwrap();
            assert_eq!(read.expose(), token.expose(), "{template}");
        }
        let in_query = format!("https://app.example.com/?token={}", token.expose());
        for other in [
            "#",
            "x#",
            "https://app.example.com/#token=",
            "é#é",
            &in_query,
        ] {
            let error = InvitationToken::parse(other).unwrap_err();
            assert_eq!(error.to_string(), UNKNOWN_TOKEN);
        }
    }

    proptest! {
        #[test]
        fn a_token_reads_what_it_exposes(id in any::<u128>(), random in any::<[u8; 32]>()) {
            let token = token(id, random);
            let text = token.expose();
            prop_assert_eq!(text.len(), 64);
            let read = InvitationToken::parse(&text).unwrap();
            prop_assert_eq!(read.expose(), text);
            prop_assert_eq!(read.hash(), token.hash());
            prop_assert_eq!(read.organization_id().as_uuid(), Uuid::from_u128(id));
        }

        #[test]
        fn reading_any_text_as_a_token_never_panics(text in "\\PC{0,100}|[A-Za-z0-9_-]{60,70}") {
            if let Ok(token) = InvitationToken::parse(&text) {
                prop_assert_eq!(token.expose(), text.trim());
            }
        }
    }

    #[test]
    fn only_pending_invitations_expire_and_at_the_very_instant() {
        use InvitationStatus::{Accepted, Expired, Pending, Revoked};
        let at = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let just_before = at - TimeDelta::microseconds(1);
        for (stored, now, status) in [
            (Pending, just_before, Pending),
            (Pending, at, Expired),
            (Accepted, at, Accepted),
            (Revoked, at, Revoked),
        ] {
            assert_eq!(stored.at(at, now), status);
        }
    }

    #[test]
    fn expiry_is_one_to_thirty_days() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(expiry(now, 7).unwrap() - now, TimeDelta::days(7));
        assert!(expiry(now, 1).is_ok() && expiry(now, MAX_EXPIRY_DAYS).is_ok());
        for days in [0, 31, u32::MAX] {
            let error = expiry(now, days).unwrap_err();
            assert!(error.to_string().contains(&days.to_string()));
        }
    }

    #[test]
    fn the_token_travels_in_the_fragment_only() {
        let token = token(1, [7; 32]);
        let link = link("https://app.example.com/invite#token={token}", &token).unwrap();
        assert_eq!(
            link,
            format!("https://app.example.com/invite#token={}", token.expose())
        );
        for (template, rule) in [
            ("https://app.example.com/invite", "0 times"),
            ("https://app.example.com/invite?token={token}", "after #"),
            ("https://app.example.com/{token}#invite", "after #"),
            ("https://app.example.com/{token}#{token}", "2 times"),
            ("/invite#{token}", "not a URL"),
        ] {
            let error = super::link(template, &token).unwrap_err();
            assert!(error.to_string().contains(rule), "{error}");
        }
    }

    #[test]
    fn allowed_domains_are_exact() {
        let domains =
            AllowedDomains::parse(["Harbor.example", "a.example", "harbor.example"]).unwrap();
        assert_eq!(domains.as_slice(), ["a.example", "harbor.example"]);
        for (address, allowed) in [
            ("ann@harbor.example", true),
            ("ann@HARBOR.example", true),
            ("ann@sub.harbor.example", false),
            ("ann@evilharbor.example", false),
        ] {
            assert_eq!(
                domains.allows(&Email::parse(address).unwrap()),
                allowed,
                "{address}"
            );
        }
        let anyone = Email::parse("ann@anywhere.example").unwrap();
        assert!(AllowedDomains::default().allows(&anyone));
        assert!(AllowedDomains::parse(["no dot"]).is_err());
    }
}
