//! What is wrong with a row.

use serde::{Deserialize, Serialize};

/// Characters of a wrong value that are shown at most.
pub const SHOWN_CHARACTERS: usize = 60;

/// A rule that a row breaks.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The column; empty: the row as a whole.
    pub column: String,
    /// What the file has there, shortened.
    pub value: String,
    /// The rule that it breaks.
    pub rule: String,
}

impl Fault {
    /// A fault of a value.
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

    /// A fault of the whole row.
    pub fn of_row(rule: impl Into<String>) -> Self {
        Self::new("", "", rule)
    }

    /// How a reject file tells it: where the value stands is seen there.
    pub fn told(&self) -> String {
        match self.column.as_str() {
            "" => self.rule.clone(),
            column => format!("{column}: {}", self.rule),
        }
    }

    /// How a reject file tells all the faults of a row.
    pub fn all_told(faults: &[Self]) -> String {
        let told: Vec<String> = faults.iter().map(Self::told).collect();
        told.join("; ")
    }
}
