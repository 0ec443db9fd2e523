//! Problems of a row.

use serde::{Deserialize, Serialize};

/// Maximum number of characters shown of an invalid value.
pub const SHOWN_CHARACTERS: usize = 60;

/// A rule that a row violates.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The column; empty for the row as a whole.
    pub column: String,
    /// The value in the file, shortened.
    pub value: String,
    /// The violated rule.
    pub rule: String,
}

impl Fault {
    /// Creates a fault of a value.
    pub fn new(column: &str, value: &str, rule: impl Into<String>) -> Self {
        let mut shown: String = value.chars().take(SHOWN_CHARACTERS).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self {
            column: column.to_owned(),
            value: shown,
            rule: rule.into(),
        }
    }

    /// Creates a fault of the whole row.
    pub fn of_row(rule: impl Into<String>) -> Self {
        Self::new("", "", rule)
    }

    /// Returns the text for a reject file, which contains the value itself.
    pub fn text(&self) -> String {
        match self.column.as_str() {
            "" => self.rule.clone(),
            column => format!("{column}: {}", self.rule),
        }
    }

    /// Returns the text for a reject file of all faults of a row.
    pub fn all_told(faults: &[Self]) -> String {
        let texts: Vec<String> = faults.iter().map(Self::text).collect();
        texts.join("; ")
    }
}
