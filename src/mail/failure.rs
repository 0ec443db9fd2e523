//! Why a message was not sent, and whether that says something of the message.

use std::error::Error as _;

use lettre::transport::smtp::{Error as SmtpError, response::Severity};

/// Longest text that is kept of what a server answered, in characters.
const MAX_TEXT: usize = 400;

/// A failure to send. Its text is one line, and may quote the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The server cannot be reached, or does not let us in: that says nothing of the message, and
    /// the next one would fare no better.
    Unavailable(String),
    /// The server puts the message off, or the connection broke: it may be tried again.
    Transient(String),
    /// The server refuses the message: trying again would change nothing.
    Permanent(String),
}

impl Failure {
    /// What happened.
    pub fn text(&self) -> &str {
        match self {
            Self::Unavailable(text) | Self::Transient(text) | Self::Permanent(text) => text,
        }
    }

    pub(super) fn connecting(error: &SmtpError) -> Self {
        Self::Unavailable(told(error))
    }

    /// Of a dialogue that began well. A code of the class 5 is final (RFC 5321, section 4.2.1), unless
    /// it is about signing in (RFC 4954, section 6).
    pub(super) fn sending(error: &SmtpError) -> Self {
        let text = told(error);
        match error.status() {
            Some(code) if matches!(u16::from(code), 530 | 534 | 535 | 538) => {
                Self::Unavailable(text)
            }
            Some(code) if code.severity == Severity::PermanentNegativeCompletion => {
                Self::Permanent(text)
            }
            // The library's own refusal: an address that the server does not support.
            None if error.is_client() => Self::Permanent(text),
            _ => Self::Transient(text),
        }
    }

    pub(super) fn timed_out(doing: &str, seconds: u64) -> String {
        format!("the server took longer than {seconds} seconds for {doing}")
    }
}

/// What the server answered, with its code, or what happened to the connection.
fn told(error: &SmtpError) -> String {
    let text = match (error.status(), error.source()) {
        (Some(code), Some(answer)) => format!("{code} {answer}"),
        (Some(code), None) => code.to_string(),
        (None, _) => error.to_string(),
    };
    one_line(&text)
}

/// A text of bounded length without anything that a terminal would obey.
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
