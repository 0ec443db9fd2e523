//! Failures to send a message, classified by whether the message itself is at fault.

use std::error::Error as _;

use lettre::transport::smtp::{Error as SmtpError, response::Severity};

/// Maximum length kept of a server's answer, in characters.
const MAX_TEXT: usize = 400;

/// A failure to send. Its text is a single line and may quote the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The server is unreachable or rejects the login. The message is not at fault, and the next
    /// one would fail as well.
    Unavailable(String),
    /// The server defers the message, or the connection broke: a retry may succeed.
    Transient(String),
    /// The server rejects the message: a retry would not help.
    Permanent(String),
}

impl Failure {
    /// Returns the reason.
    pub fn text(&self) -> &str {
        match self {
            Self::Unavailable(text) | Self::Transient(text) | Self::Permanent(text) => text,
        }
    }

    pub(super) fn connecting(error: &SmtpError) -> Self {
        Self::Unavailable(shown(error))
    }

    /// Classifies a failure after a successful connection. Codes of class 5 are permanent (RFC
    /// 5321, section 4.2.1), unless they concern authentication (RFC 4954, section 6).
    pub(super) fn sending(error: &SmtpError) -> Self {
        let text = shown(error);
        match error.status() {
            Some(code) if matches!(u16::from(code), 530 | 534 | 535 | 538) => {
                Self::Unavailable(text)
            }
            Some(code) if code.severity == Severity::PermanentNegativeCompletion => {
                Self::Permanent(text)
            }
            // Rejected by the library itself: an address that the server does not support.
            None if error.is_client() => Self::Permanent(text),
            _ => Self::Transient(text),
        }
    }

    pub(super) fn timed_out(doing: &str, seconds: u64) -> String {
        format!("the server took longer than {seconds} seconds for {doing}")
    }
}

/// Returns the server's answer with its code, or the connection error.
fn shown(error: &SmtpError) -> String {
    let text = match (error.status(), error.source()) {
        (Some(code), Some(answer)) => format!("{code} {answer}"),
        (Some(code), None) => code.to_string(),
        (None, _) => error.to_string(),
    };
    one_line(&text)
}

/// Shortens a text and removes control characters, which a terminal would interpret.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_answers_becomes_one_bounded_line() {
        assert_eq!(
            one_line("5.1.1 no\r\n\tsuch\u{1b}[31m user "),
            "5.1.1 no such [31m user"
        );
        let long = one_line(&"é".repeat(MAX_TEXT + 1));
        assert_eq!(long.chars().count(), MAX_TEXT + 1);
        assert!(long.ends_with('…'));
        assert_eq!(one_line(&"é".repeat(MAX_TEXT)), "é".repeat(MAX_TEXT));
    }
}
