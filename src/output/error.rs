//! Errors as text (`error:`, `cause:`, `hint:`) and for scripts (one line of JSON).

use serde::Serialize;

use super::encode::SCHEMA_VERSION;
use super::invocation::Invocation;
use super::redact::redact;
use super::style::{Style, Tone};
use crate::error::Error;

/// The stable JSON format of an error.
#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema_version: u32,
    code: &'a str,
    exit_code: u8,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    hints: Vec<String>,
}

/// One line of JSON, without passwords.
pub(super) fn json(error: &Error, invocation: &Invocation) -> String {
    let clean = |text: &String| redact(text).into_owned();
    let hints = error.hints().iter().map(|hint| invocation.complete(hint));
    let hints: Vec<String> = hints.map(|hint| redact(&hint).into_owned()).collect();
    let document = ErrorDocument {
        schema_version: SCHEMA_VERSION,
        code: error.kind().code(),
        exit_code: error.kind().exit_code(),
        message: redact(&error.to_string()).into_owned(),
        causes: error.causes().iter().map(clean).collect(),
        hint: hints.first().cloned(),
        hints,
    };
    serde_json::to_string(&document).expect("strings and numbers always have a JSON form")
}

/// Lines for display, without passwords and terminal escapes.
pub(super) fn text(error: &Error, invocation: &Invocation, style: &Style) -> String {
    let mut out = labelled(style, "error: ", Tone::Bad, &error.to_string());
    for cause in error.causes() {
        out.push_str(&labelled(style, "  cause: ", Tone::Dim, &cause));
    }
    for hint in error.hints() {
        let hint = invocation.complete(hint);
        out.push_str(&labelled(style, "hint: ", Tone::Bold, &hint));
    }
    out
}

/// A label and a text with its further lines indented, so that they cannot imitate labels.
pub(super) fn labelled(style: &Style, label: &str, tone: Tone, text: &str) -> String {
    let text = redact(text);
    let text = style.block(Tone::Plain, text.trim_end());
    let indented = text.replace('\n', &format!("\n{}", " ".repeat(label.len())));
    format!("{}{indented}\n", style.line(tone, label))
}
