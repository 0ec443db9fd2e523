//! Database URLs: parsing, and display without secrets.
//!
//! Connection URIs: PostgreSQL manual, section 34.1.1.2.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// Same as in [`crate::output::redact`], which masks free text.
const MASK: &str = "***";

/// The target of a URL, without any secret.
///
/// It is parsed by the parser that the connection itself uses, which also fills gaps from `PGHOST`
/// and the like, so the displayed target is the one that will be connected to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// A host name or address, or the directory of a Unix socket.
    pub host: String,
    /// The port; it also names the file of a Unix socket.
    pub port: u16,
    /// The database; if absent, the server uses the name of the user.
    pub database: Option<String>,
    /// The user that logs in.
    pub user: String,
}

impl Endpoint {
    /// Parses a URL.
    ///
    /// # Errors
    /// The rule that the URL violates, never its contents.
    pub fn parse(url: &SecretString) -> Result<Self, InvalidUrl> {
        let text = url.expose_secret();
        let parsed = Url::parse(text).map_err(InvalidUrl::Syntax)?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(InvalidUrl::Scheme);
        }
        if !has_authority(&parsed, text) {
            return Err(InvalidUrl::Authority);
        }
        let options: PgConnectOptions = text.parse().map_err(|_| InvalidUrl::Parameters)?;
        let host = match options.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => options.get_host().to_owned(),
        };
        Ok(Self {
            host,
            port: options.get_port(),
            database: options.get_database().map(str::to_owned),
            user: options.get_username().to_owned(),
        })
    }

    /// Database and host in short form: `shop on db.example.com:6432`.
    pub fn place(&self) -> String {
        let database = self.database.as_deref().unwrap_or(&self.user);
        match self.port {
            5432 => format!("{database} on {}", self.host),
            port => format!("{database} on {}:{port}", self.host),
        }
    }

    /// A short, stable name of this target: the start of the SHA-256 of its parts.
    pub fn fingerprint(&self) -> String {
        let database = self.database.as_deref().unwrap_or(&self.user);
        let mut hash = Sha256::new();
        for part in [&self.host, &self.port.to_string(), database, &self.user] {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.host.starts_with('/') {
            "socket"
        } else {
            "host"
        };
        write!(f, "{kind} {}", self.host)?;
        if self.port != 5432 {
            write!(f, ", port {}", self.port)?;
        }
        let database = self.database.as_deref().unwrap_or(&self.user);
        write!(f, ", database {database}, user {}", self.user)
    }
}

/// The reason why a text is not the URL of a PostgreSQL database. Contains nothing of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL.
    #[error("is not a valid URL: {0}")]
    Syntax(url::ParseError),
    /// A URL with another scheme.
    #[error("does not start with postgres:// or postgresql://")]
    Scheme,
    /// No `//` after the scheme: the parser would take user, password and host for a path.
    #[error("has no // after its scheme")]
    Authority,
    /// A part or parameter (`sslmode`, `port`, …) has a value that PostgreSQL does not support.
    #[error("has a connection parameter with an invalid value")]
    Parameters,
}

/// Returns `true` if the part after the scheme was parsed as an authority.
/// `postgres:\\\\user:password@host` is a valid URL with the password in its path.
fn has_authority(url: &Url, text: &str) -> bool {
    let rest = text.trim_start().get(url.scheme().len()..);
    !url.cannot_be_a_base() && rest.is_some_and(|rest| rest.starts_with("://"))
}

/// The URL for display, with the password replaced. Text that could not be parsed into parts is
/// replaced entirely, because the secret in it cannot be located.
pub fn mask(url: &SecretString) -> String {
    let text = url.expose_secret();
    let Ok(mut url) = Url::parse(text) else {
        return MASK.to_owned();
    };
    if !has_authority(&url, text) {
        return match url.scheme() {
            scheme @ ("postgres" | "postgresql") => format!("{scheme}:{MASK}"),
            // Even the scheme may be a user's name: `user:password@host`.
            _ => MASK.to_owned(),
        };
    }
    // Neither can fail: a URL without a host has no password, and a mask is valid there.
    if url.password().is_some() {
        let _ = url.set_password(Some(MASK));
    }
    if url.query_pairs().any(|(key, _)| is_secret(&key)) {
        let masked: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let shown = if is_secret(&key) { MASK } else { &value };
                (key.clone().into_owned(), shown.to_owned())
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(masked);
    }
    url.into()
}

/// The URL with this password; `None` if the URL cannot contain one.
pub fn with_password(url: &SecretString, password: &SecretString) -> Option<SecretString> {
    let mut url = Url::parse(url.expose_secret()).ok()?;
    url.set_password(Some(password.expose_secret())).ok()?;
    Some(String::from(url).into())
}

/// The URL of another user with the same target, without a password; `None` if the URL cannot
/// contain a user.
pub fn with_user(url: &SecretString, user: &str) -> Option<String> {
    let mut url = Url::parse(url.expose_secret()).ok()?;
    url.set_password(None).ok()?;
    url.set_username(user).ok()?;
    // A socket's folder is a parameter, and user and password may be parameters too.
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| !is_secret(key) && key != "user" && key != "options")
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Some(url.into())
}

/// Returns `true` if the URL contains a password.
pub fn has_password(url: &SecretString) -> bool {
    Url::parse(url.expose_secret()).is_ok_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(key, _)| is_secret(&key))
    })
}

fn is_secret(parameter: &str) -> bool {
    parameter.to_ascii_lowercase().contains("password")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, InvalidUrl> {
        Endpoint::parse(&url.into())
    }

    #[test]
    fn the_endpoint_is_what_the_url_says() {
        let parsed = endpoint("postgres://ops:pw@db.example.com:6432/app").unwrap();
        assert_eq!(
            parsed.to_string(),
            "host db.example.com, port 6432, database app, user ops"
        );
        let socket = endpoint("postgresql://ops@localhost/app?host=/run/pg&port=5432").unwrap();
        assert_eq!(socket.to_string(), "socket /run/pg, database app, user ops");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_text() {
        assert_eq!(endpoint("mysql://u:pw@h/d"), Err(InvalidUrl::Scheme));
        let port = endpoint("postgres://u:hunter2@h:hunter2/d").unwrap_err();
        assert!(matches!(port, InvalidUrl::Syntax(_)));
        assert!(!port.to_string().contains("hunter2"));
        assert_eq!(
            endpoint("postgres://u@h/d?sslmode=hunter2"),
            Err(InvalidUrl::Parameters)
        );
    }

    #[test]
    fn the_fingerprint_ignores_the_password_and_nothing_else() {
        let of = |url: &str| endpoint(url).unwrap().fingerprint();
        let base = of("postgres://ops:a@db/app");
        assert_eq!(
            base,
            of("postgresql://ops:b@db:5432/app?application_name=x")
        );
        for other in [
            "postgres://ops:a@db2/app",
            "postgres://ops:a@db:5433/app",
            "postgres://ops:a@db/app2",
            "postgres://ops2:a@db/app",
        ] {
            assert_ne!(base, of(other), "{other}");
        }
        assert_eq!(base.len(), 16);
    }

    #[test]
    fn a_password_is_put_in_percent_encoded() {
        let with = |url: &str| with_password(&url.into(), &"p@ss/1".into());
        let url = with("postgres://ops@db/app?sslmode=require").unwrap();
        assert_eq!(
            url.expose_secret(),
            "postgres://ops:p%40ss%2F1@db/app?sslmode=require"
        );
        assert!(has_password(&url));
        assert!(with("postgres:///app").is_none());
    }

    #[test]
    fn masks_every_place_of_a_password() {
        let mask = |url: &str| mask(&url.into());
        assert_eq!(
            mask("postgres://ops:hunter2@db/app"),
            "postgres://ops:***@db/app"
        );
        assert_eq!(mask("postgres://ops@db/app"), "postgres://ops@db/app");
        let query = mask("postgres://ops@db/app?p%61ssword=hunter2&sslmode=require");
        assert!(!query.contains("hunter2"), "{query}");
        assert!(query.contains("sslmode=require"), "{query}");
        assert_eq!(mask("postgres://ops:hunter2@db:port/app"), "***");
    }

    #[test]
    fn another_user_has_no_password_yet() {
        let with = |url: &str| with_user(&url.into(), "srv");
        assert_eq!(
            with("postgres://ops:hunter2@db/app?password=hunter2&sslmode=require").unwrap(),
            "postgres://srv@db/app?sslmode=require"
        );
        assert_eq!(with("postgres://db/app").unwrap(), "postgres://srv@db/app");
    }

    #[test]
    fn what_is_not_parsed_into_parts_is_masked_whole() {
        for malformed in [
            r"postgres:\\ops:hunter2@db/app",
            "postgres:/ops:hunter2@db/app",
            "postgres:ops:hunter2@db/app",
            "postgresql:ops@hunter2",
        ] {
            let url = SecretString::from(malformed);
            let shown = mask(&url);
            assert!(
                shown.ends_with("sql:***") || shown == "postgres:***",
                "{shown}"
            );
            assert_eq!(Endpoint::parse(&url), Err(InvalidUrl::Authority));
        }
        assert_eq!(mask(&"ops:hunter2@db".into()), "***");
        assert_eq!(mask(&"hunter2".into()), "***");
    }

    #[test]
    fn knows_which_urls_carry_a_password() {
        assert!(has_password(&"postgres://ops:pw@db/app".into()));
        assert!(has_password(&"postgres://ops@db/app?password=pw".into()));
        assert!(!has_password(&"postgres://ops@db/app".into()));
    }
}
