//! The effect of a transaction on a table.

use serde::Serialize;

/// Rows touched in one table.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TableChange {
    pub table: String,
    pub inserted: i64,
    pub updated: i64,
    pub deleted: i64,
}
