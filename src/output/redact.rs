//! Masks passwords in connection strings, and tokens, in text that is displayed, logged or written
//! to a file.

use std::borrow::Cow;
use std::ops::Range;

const MASK: &str = "***";

/// An invitation token has this many characters of base64url; any word of at least this length may
/// be one.
const TOKEN_LENGTH: usize = 64;

/// Masks the password of `scheme://user:password@host`, everything after the scheme of a malformed
/// database URL (`postgres:\\\\user:password@host`), the value of `password=…` (a URL parameter, or
/// a keyword of libpq's connection strings), and anything that may be an invitation token.
///
/// If a text is ambiguous, it masks too much rather than too little: an unescaped `@`, `/` or quote
/// in a password is still part of the password.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut secrets = userinfo_passwords(text);
    secrets.extend(malformed_urls(text));
    secrets.extend(keyword_passwords(text));
    secrets.extend(tokens(text));
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_by_key(|secret| secret.start);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for secret in secrets {
        if secret.start >= end {
            out.push_str(&text[end..secret.start]);
            out.push_str(MASK);
        }
        end = end.max(secret.end);
    }
    out.push_str(&text[end..]);
    Cow::Owned(out)
}

/// Words as long as a token, and words after `token=`, since a truncated link ends within its
/// token.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    // Every log line passes through here: a word of that length contains one of the bytes at these
    // positions, so the others need not be checked.
    let mut place = TOKEN_LENGTH - 1;
    while place < bytes.len() {
        let word = word_of_base64url(bytes, place);
        place = word.end.max(place) + TOKEN_LENGTH;
        if word.len() >= TOKEN_LENGTH {
            found.push(word);
        }
    }
    for equals in memchr::memchr_iter(b'=', bytes) {
        if bytes[..equals].ends_with(b"token") {
            found.push(word_of_base64url(bytes, equals + 1));
        }
    }
    found.retain(|word| !word.is_empty());
    found
}

/// The base64url characters around and after a position, which may be the end; empty if another
/// character is there.
fn word_of_base64url(bytes: &[u8], place: usize) -> Range<usize> {
    let is_another = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let after = bytes[place..].iter().position(is_another);
    let end = after.map_or(bytes.len(), |length| place + length);
    if end == place {
        return place..place;
    }
    let before = bytes[..place].iter().rposition(is_another);
    before.map_or(0, |before| before + 1)..end
}

/// From the first `:` of each authority to the last `@` of its word.
fn userinfo_passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(offset) = text[from..].find("://") {
        let start = from + offset + "://".len();
        let end = word_end(text, start);
        let password = text[start..end]
            .rfind('@')
            .map(|at| start + at)
            .and_then(|at| Some(start + text[start..at].find(':')? + 1..at));
        found.extend(password.filter(|range| !range.is_empty()));
        from = end;
    }
    found
}

/// The part after the scheme of a PostgreSQL URL that does not begin with `//`: it is unknown which
/// part of it is the password.
fn malformed_urls(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for colon in memchr::memchr_iter(b':', bytes) {
        let is_scheme = ["postgres", "postgresql"].iter().any(|scheme| {
            colon
                .checked_sub(scheme.len())
                .is_some_and(|start| bytes[start..colon].eq_ignore_ascii_case(scheme.as_bytes()))
        });
        let start = colon + 1;
        if !is_scheme || text[start..].starts_with("//") {
            continue;
        }
        let end = word_end(text, start);
        if text[start..end].contains('@') {
            found.push(start..end);
        }
    }
    found
}

fn keyword_passwords(text: &str) -> Vec<Range<usize>> {
    const KEYWORD: &str = "password=";
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(offset) = find_ignoring_case(&text[from..], KEYWORD) {
        let start = from + offset + KEYWORD.len();
        let end = match text[start..].strip_prefix('\'') {
            Some(quoted) => quoted
                .find('\'')
                .map_or(text.len(), |close| start + close + 2),
            None => text[start..]
                .find(|c: char| c.is_whitespace() || c == '&')
                .map_or(text.len(), |end| start + end),
        };
        if start < end {
            found.push(start..end);
        }
        from = end;
    }
    found
}

/// The start of an ASCII word that ends with `=`, ignoring case.
fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    memchr::memchr_iter(b'=', text.as_bytes())
        .filter_map(|at| (at + 1).checked_sub(word.len()))
        .find(|&at| text.as_bytes()[at..at + word.len()].eq_ignore_ascii_case(word.as_bytes()))
}

fn word_end(text: &str, start: usize) -> usize {
    text[start..]
        .find(char::is_whitespace)
        .map_or(text.len(), |end| start + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_is_masked() {
        assert_eq!(
            redact("cannot reach postgres://ann:s3cr3t@db:5432/app: refused"),
            "cannot reach postgres://ann:***@db:5432/app: refused"
        );
        assert_eq!(
            redact("postgres://u:p@h postgres://u:q@h"),
            "postgres://u:***@h postgres://u:***@h"
        );
    }

    #[test]
    fn a_badly_escaped_password_is_masked_whole() {
        for password in ["a/b", "a@b", "a:b", "a\"b", "a?b#c"] {
            let text = format!("postgres://ann:{password}@db/app");
            assert_eq!(redact(&text), "postgres://ann:***@db/app", "{password}");
        }
    }

    #[test]
    fn a_malformed_url_is_masked_behind_its_scheme() {
        for malformed in [
            r"postgres:\\ann:s3cr3t@db",
            "postgres:/ann:s3cr3t@db/app",
            "POSTGRES:ann:s3cr3t@db",
            r"postgresql:\/\/ann:s3cr3t@db",
        ] {
            let text = format!("invalid value '{malformed} for it");
            let masked = redact(&text);
            assert!(!masked.contains("s3cr3t"), "{masked}");
            assert!(masked.ends_with(":*** for it"), "{masked}");
        }
        let harmless = "cannot start PostgreSQL: the port is taken, ask ann@example.com";
        assert_eq!(redact(harmless), harmless);
    }

    #[test]
    fn passwords_given_by_keyword_are_masked() {
        assert_eq!(
            redact("postgres://db/app?user=a&password=s3cr3t&sslmode=require"),
            "postgres://db/app?user=a&password=***&sslmode=require"
        );
        assert_eq!(
            redact("host=db PASSWORD='s3 cr3t' x"),
            "host=db PASSWORD=*** x"
        );
        assert_eq!(
            redact("postgres://u:p@h/d?password=q@r"),
            "postgres://u:***"
        );
    }

    #[test]
    fn a_text_without_password_is_untouched() {
        for text in [
            "postgres://db:5432/app",
            "postgres://ann@db:5432/app",
            "postgres://[::1]:5432/app",
            "mail to ann@example.com: done",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn passwords_and_tokens_are_masked_and_nothing_else() {
        let token = "Ab3-_".repeat(13)[..TOKEN_LENGTH].to_owned();
        for (text, masked) in [
            (
                format!("unexpected argument '{token}' found"),
                "unexpected argument '***' found",
            ),
            (format!("--email={token}"), "--email=***"),
            (
                format!("https://p.example/#token={}…", &token[..20]),
                "https://p.example/#token=***…",
            ),
            (
                "unrecognized 'postgres://u:pw@h/db'".to_owned(),
                "unrecognized 'postgres://u:***@h/db'",
            ),
        ] {
            assert_eq!(redact(&text), masked);
        }
        for before in 0..2 * TOKEN_LENGTH {
            for length in [TOKEN_LENGTH - 1, TOKEN_LENGTH, TOKEN_LENGTH + 1] {
                let spaces = " ".repeat(before);
                let text = format!("{spaces}{}. a", "x".repeat(length));
                let masked = match length < TOKEN_LENGTH {
                    true => text.clone(),
                    false => format!("{spaces}***. a"),
                };
                assert_eq!(redact(&text), masked, "{before} {length}");
            }
        }
        let harmless = "error: unexpected argument '--a-rather-long-flag-name' found";
        assert_eq!(redact(harmless), harmless);
    }
}
