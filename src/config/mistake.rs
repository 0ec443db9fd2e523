//! A mistake in the configuration file, with its position.

use std::fmt;
use std::ops::Range;

use toml_edit::{Document, Item, Key};

use crate::hint::Hint;

/// A mistake in the configuration file. Shows no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// The dotted key; `None` if the file is not valid TOML.
    pub key: Option<String>,
    /// The rule that is violated.
    pub message: String,
    /// The remedy.
    pub hint: Option<Hint>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The path of a key, from the root of the file.
pub(super) type KeyPath = Vec<String>;

/// The dotted form of a key, quoted if TOML requires it.
pub(super) fn dotted(path: &[String]) -> String {
    let keys: Vec<String> = path.iter().map(|key| Key::new(key).to_string()).collect();
    keys.join(".")
}

/// A mistake at a key, without its position in the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Finding {
    pub(super) path: KeyPath,
    pub(super) message: String,
    pub(super) hint: Option<Hint>,
}

impl Finding {
    pub(super) fn new(path: &[&str], message: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|key| (*key).to_owned()).collect(),
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns `true` if the keys are equal, or one is a table that contains the other.
    pub(super) fn concerns_same_part(&self, other: &Self) -> bool {
        self.path.starts_with(&other.path) || other.path.starts_with(&self.path)
    }

    /// Adds the position in `document`.
    pub(super) fn locate(self, document: &Document<&str>) -> Mistake {
        let (line, column) = position(document.raw(), key_span(document, &self.path).start);
        Mistake {
            line,
            column,
            key: Some(dotted(&self.path)),
            message: self.message,
            hint: self.hint,
        }
    }
}

/// The position of the key at `path`; for a key that is not in the file, the innermost table around
/// it that is.
fn key_span(document: &Document<&str>, path: &[String]) -> Range<usize> {
    let mut span = 0..0;
    let mut item: &Item = document.as_item();
    for name in path {
        let Some((key, value)) = item.as_table_like().and_then(|t| t.get_key_value(name)) else {
            break;
        };
        span = key.span().or_else(|| value.span()).unwrap_or(span);
        item = value;
    }
    span
}

/// Line and column, both from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        assert_eq!(position("a = 1\n", 0), (1, 1));
        assert_eq!(position("a = 'ä'\nb = 2", "a = 'ä'\nb".len() - 1), (2, 1));
        assert_eq!(position("# ä x", "# ä ".len()), (1, 5));
        assert_eq!(position("", 10), (1, 1));
    }

    #[test]
    fn a_key_that_is_missing_is_placed_at_its_table() {
        let document = Document::parse("\n[profiles.staging]\nprotected = true\n").unwrap();
        let place = |path: &[&str]| {
            let mistake = Finding::new(path, "x").locate(&document);
            (mistake.line, mistake.column)
        };
        assert_eq!(place(&["profiles", "staging", "protected"]), (3, 1));
        assert_eq!(place(&["profiles", "staging", "database_url"]), (2, 11));
        assert_eq!(place(&["output"]), (1, 1));
    }

    #[test]
    fn keys_are_quoted_where_toml_asks_for_it() {
        let path = ["profiles".to_owned(), "a b".to_owned()];
        assert_eq!(dotted(&path), "profiles.\"a b\"");
    }
}
