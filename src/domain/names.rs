//! Names and texts for display: trimmed, of bounded length, without invisible characters.

use crate::error::{Error, Result};
use crate::suggest::quoted;

/// Longest display name, in characters.
pub const MAX_LENGTH: usize = 200;

/// The name of an organization or a person: trimmed, 1 to 200 characters, no control characters.
///
/// # Errors
/// [`crate::error::ErrorKind::BadInput`] with the rule that `text` violates.
pub fn display_name(text: &str) -> Result<String> {
    let name = text.trim();
    let rule = if name.is_empty() {
        "it is empty".to_owned()
    } else if let Some(hidden) = name.chars().find(|&c| is_hidden(c)) {
        format!("it contains the invisible character {}", code_point(hidden))
    } else if name.chars().count() > MAX_LENGTH {
        let length = name.chars().count();
        format!("it has {length} characters, at most {MAX_LENGTH} are allowed")
    } else {
        return Ok(name.to_owned());
    };
    Err(
        Error::bad_input(format!("{} is not a valid name: {rule}", quoted(text))).hint(format!(
            "a name has 1 to {MAX_LENGTH} visible characters, for example \"Harbor Clinic\""
        )),
    )
}

/// Returns `true` if `c` is invisible but changes how a line is displayed: a control character, a
/// line separator, or a text direction control (UAX #9 §2), which can make a name read as another.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061C}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{2069}'
                | '\u{FEFF}'
        )
}

/// Checks a long text, such as instructions. Line breaks become `\n`; tabs and line breaks are the
/// only control characters allowed (PostgreSQL text cannot contain NUL).
///
/// # Errors
/// [`crate::error::ErrorKind::BadInput`] that names `what` and the rule.
pub(crate) fn long_text(what: &str, text: &str, max_characters: usize) -> Result<String> {
    let text = text.replace("\r\n", "\n");
    let is_allowed = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    if let Some((at, other)) = text.char_indices().find(|&(_, c)| !is_allowed(c)) {
        let line = text[..at].matches('\n').count() + 1;
        return Err(Error::bad_input(format!(
            "{what} must be plain text: line {line} contains the control character {}",
            code_point(other)
        ))
        .hint("remove it; line breaks and tabs are allowed"));
    }
    let length = text.chars().count();
    if length > max_characters {
        return Err(Error::bad_input(format!(
            "{what} is too long: it has {length} characters, at most {max_characters} are allowed"
        ))
        .hint("shorten the text"));
    }
    Ok(text)
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_kept() {
        for (text, name) in [
            (" Harbor Clinic\n", "Harbor Clinic"),
            ("Zahnärzte am Fluß", "Zahnärzte am Fluß"),
            ("عيادة", "عيادة"),
            ("👩‍⚕️ Dental", "👩‍⚕️ Dental"),
        ] {
            assert_eq!(display_name(text).unwrap(), name);
        }
        assert!(display_name(&"é".repeat(MAX_LENGTH)).is_ok());
    }

    #[test]
    fn names_nobody_can_read_are_refused() {
        let long = "é".repeat(MAX_LENGTH + 1);
        let cases = [
            ("", "empty"),
            (" \t\n", "empty"),
            ("a\nb", "U+000A"),
            ("a\u{1b}[31mb", "U+001B"),
            ("clinic\u{202E}nimda", "U+202E"),
            ("a\u{2066}b", "U+2066"),
            (&long, "201 characters"),
        ];
        for (text, rule) in cases {
            let error = display_name(text).unwrap_err();
            assert!(error.to_string().contains(rule), "{error}");
        }
    }

    #[test]
    fn long_texts_keep_lines_and_tabs_only() {
        assert_eq!(long_text("t", "a\r\n\tb\n", 10).unwrap(), "a\n\tb\n");
        let error = long_text("instructions", "a\nb\0", 10).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(long_text("t", "\r", 10).is_err());
        assert!(long_text("t", "éé", 2).is_ok());
        assert!(long_text("t", "ééé", 2).is_err());
    }
}
