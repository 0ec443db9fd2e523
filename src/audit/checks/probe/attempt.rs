//! Attempts and their results.

use serde_json::Value;

use super::identity::ProbeIdentity;
use crate::audit::report::{Operation, Verdict};

/// One attempt, made or skipped.
#[derive(Clone, Debug)]
pub(crate) struct ProbeAttempt<'a> {
    /// Index of the target.
    pub(crate) target: usize,
    pub(crate) identity: ProbeIdentity<'a>,
    pub(crate) operation: Operation,
    pub(crate) verdict: Verdict,
    /// The row that was reached.
    pub(crate) row: Option<Value>,
    /// `true` if policies show the row to the anonymous role on purpose.
    pub(crate) is_public: bool,
    /// `true` if the shown statement omits values of the executed one.
    pub(crate) abridged: bool,
    /// The constraint error that refused the statement after it passed row-level security.
    pub(crate) refused_by: Option<String>,
}

impl<'a> ProbeAttempt<'a> {
    pub(crate) fn new(
        target: usize,
        identity: ProbeIdentity<'a>,
        operation: Operation,
        verdict: Verdict,
    ) -> Self {
        Self {
            target,
            identity,
            operation,
            verdict,
            row: None,
            is_public: false,
            abridged: false,
            refused_by: None,
        }
    }

    pub(crate) fn is_leak(&self) -> bool {
        matches!(self.verdict, Verdict::Leak(_))
    }
}
