//! Attempts and their results.

use serde_json::Value;

use super::stand::Stand;
use crate::domain::audit::{Operation, Verdict};

/// One attempt, made or skipped.
#[derive(Clone, Debug)]
pub(crate) struct Tried<'a> {
    /// Index of the target.
    pub(crate) target: usize,
    pub(crate) stand: Stand<'a>,
    pub(crate) operation: Operation,
    pub(crate) verdict: Verdict,
    /// The row that was reached.
    pub(crate) row: Option<Value>,
    /// `true` if policies show the row to visitors on purpose.
    pub(crate) on_purpose: bool,
    /// `true` if the shown statement omits values of the executed one.
    pub(crate) abridged: bool,
    /// The constraint error that refused the statement after it passed row-level security.
    pub(crate) refused_by: Option<String>,
}

impl<'a> Tried<'a> {
    pub(crate) fn new(
        target: usize,
        stand: Stand<'a>,
        operation: Operation,
        verdict: Verdict,
    ) -> Self {
        Self {
            target,
            stand,
            operation,
            verdict,
            row: None,
            on_purpose: false,
            abridged: false,
            refused_by: None,
        }
    }

    pub(crate) fn is_leak(&self) -> bool {
        matches!(self.verdict, Verdict::Leak(_))
    }
}
