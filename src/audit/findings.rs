//! Results of the checks. A static check suspects; a probe confirms or refutes.

use super::{catalog::Oid, model::Model};
use crate::audit::report::{Check, ContextKind, Finding, Operation, Skipped};

/// A check that only reads the catalog.
pub struct Rule {
    pub check: Check,
    pub run: fn(&Model, &Check, &mut Findings),
}

/// A probe that a suspicion predicts to succeed. A leak in any of these cells confirms it; if all
/// were tried and blocked, it is refuted.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The relation or function to probe.
    pub object: Oid,
    /// The role to probe as; `None` for any role of the application.
    pub role: Option<Oid>,
    pub operations: &'static [Operation],
    pub contexts: &'static [ContextKind],
    /// `true` if it is refuted when all attempts are blocked; `false` if their success depends on
    /// the current rows.
    pub decisive: bool,
}

impl Claim {
    /// Reads of another tenant's rows.
    pub const READ: &'static [Operation] = &[Operation::Select];
    /// Changes of another tenant's rows.
    pub const WRITE: &'static [Operation] = &[
        Operation::Insert,
        Operation::Update,
        Operation::Delete,
        Operation::Move,
    ];
    /// Contexts with a tenant.
    pub const NAMED: &'static [ContextKind] = &[ContextKind::A, ContextKind::B];
    /// Contexts without a tenant.
    pub const UNNAMED: &'static [ContextKind] = &[ContextKind::None, ContextKind::Empty];

    /// Returns the claim that any role reads another tenant's rows in the context of a tenant.
    pub const fn reads(object: Oid) -> Self {
        Self {
            object,
            role: None,
            operations: Self::READ,
            contexts: Self::NAMED,
            decisive: true,
        }
    }

    /// `true` if a leak in that cell confirms it.
    pub fn covers(
        &self,
        object: Oid,
        role: Oid,
        operation: Operation,
        context: ContextKind,
    ) -> bool {
        self.object == object
            && self.role.is_none_or(|one| one == role)
            && self.operations.contains(&operation)
            && self.contexts.contains(&context)
    }
}

/// A finding and the probes that would confirm it.
#[derive(Clone, Debug)]
pub struct Suspicion {
    pub finding: Finding,
    /// Empty if no probe can confirm it.
    pub claims: Vec<Claim>,
}

/// Findings and skipped checks.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub found: Vec<Suspicion>,
    pub skipped: Vec<Skipped>,
}

impl Findings {
    /// Adds a finding that no probe can confirm or refute.
    pub fn push(&mut self, finding: Finding) {
        self.suspect(finding, Vec::new());
    }

    /// Adds a finding with the probes that succeed if it is correct.
    pub fn suspect(&mut self, finding: Finding, claims: Vec<Claim>) {
        self.found.push(Suspicion { finding, claims });
    }

    /// Records a check or an object that was skipped, with the reason.
    pub fn skip(&mut self, check: &str, object: Option<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped {
            check: check.to_owned(),
            object,
            reason: reason.into(),
        });
    }
}
