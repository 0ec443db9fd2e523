//! The texts of the booking data.

use crate::{
    domain::{
        display_name,
        names::{MAX_LENGTH, long_text},
    },
    error::{Error, Result},
};

/// Characters of notes and reasons at most.
const MAX_NOTES: usize = 10_000;

/// A name: 1 to 200 visible characters. The error names `field`, never the text: it may be a
/// patient's.
///
/// # Errors
/// `BadInput` that names the field.
pub fn name(field: &str, text: &str) -> Result<String> {
    display_name(text).map_err(|_| {
        Error::bad_input(format!("{field} is not valid")).hint(format!(
            "it has 1 to {MAX_LENGTH} characters, none of them invisible"
        ))
    })
}

/// The identifier that the practice's own system has for a row.
///
/// # Errors
/// `BadInput`.
pub fn external_id(text: &str) -> Result<String> {
    name("external_id", text)
}

/// What is searched for, or the id of a row in the practice's own system that is looked up.
///
/// # Errors
/// `BadInput` that names the field.
pub fn query(field: &str, text: &str) -> Result<String> {
    display_name(text).map_err(|_| {
        Error::bad_input(format!("{field} cannot be searched for")).hint(format!(
            "it has 1 to {MAX_LENGTH} characters, none of them invisible"
        ))
    })
}

/// Notes: plain text of several lines, which says something.
///
/// # Errors
/// `BadInput` that names the field.
pub fn notes(field: &str, text: &str) -> Result<String> {
    let text = long_text(field, text, MAX_NOTES)?;
    if text.trim().is_empty() {
        return Err(Error::bad_input(format!("{field} is blank"))
            .hint("leave it out; to clear what is there: null (--clear)"));
    }
    Ok(text)
}

/// Why an appointment was broken.
///
/// # Errors
/// `BadInput` where it says nothing.
pub fn reason(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(
            Error::bad_input("the reason is empty").hint("say why, for example: did not come")
        );
    }
    notes("reason", text)
}
