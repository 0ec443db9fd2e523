//! The texts of the booking data.

use crate::{
    domain::{
        display_name,
        names::{MAX_LENGTH, long_text},
    },
    error::{Error, Result},
};

/// Maximum length of notes and reasons, in characters.
const MAX_NOTES: usize = 10_000;

/// Checks a name: 1 to 200 visible characters. The error names `field`, never the text: it may be a
/// patient's.
///
/// # Errors
/// `BadInput` that names the field.
pub fn name(field: &str, text: &str) -> Result<String> {
    display_name(text).map_err(|_| {
        Error::bad_input(format!("{field} is not valid"))
            .hint(format!("use 1 to {MAX_LENGTH} visible characters"))
    })
}

/// Checks the id of a row in the practice's own system.
pub fn external_id(text: &str) -> Result<String> {
    name("external_id", text)
}

/// Checks a search term, or the id of a row in the practice's own system.
///
/// # Errors
/// `BadInput` that names the field.
pub fn query(field: &str, text: &str) -> Result<String> {
    display_name(text).map_err(|_| {
        Error::bad_input(format!("{field} cannot be searched for"))
            .hint(format!("use 1 to {MAX_LENGTH} visible characters"))
    })
}

/// Checks notes: plain text of several lines, not blank.
///
/// # Errors
/// `BadInput` that names the field.
pub fn notes(field: &str, text: &str) -> Result<String> {
    let text = long_text(field, text, MAX_NOTES)?;
    if text.trim().is_empty() {
        return Err(Error::bad_input(format!("{field} is blank"))
            .hint("omit it, or clear the current text with null (--clear)"));
    }
    Ok(text)
}

/// Checks the reason for breaking an appointment.
///
/// # Errors
/// `BadInput` if it is blank.
pub fn reason(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::bad_input("the reason is empty")
            .hint("give a reason, for example: did not come"));
    }
    notes("reason", text)
}
