//! What the checks hand in. A static check suspects; an attack confirms or refutes.

use super::{catalog::Oid, model::Model};
use crate::domain::audit::{Check, ContextKind, Finding, Operation, Skipped};

/// A check that reads the catalog alone.
pub struct Rule {
    pub check: Check,
    pub run: fn(&Model, &Check, &mut Findings),
}

/// What a suspicion says an attack would achieve: it is confirmed by a leak in any of these
/// cells, and refuted when every one of them was tried and blocked.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The relation or function that is attacked.
    pub object: Oid,
    /// The role that gets through; any of the application's where none is named.
    pub role: Option<Oid>,
    pub operations: &'static [Operation],
    pub contexts: &'static [ContextKind],
    /// `true` if attacks that are all blocked refute it. Not so where it depends on the rows of the
    /// day whether one gets through.
    pub decisive: bool,
}

impl Claim {
    /// Another tenant's rows can be read, in a tenant's name.
    pub const READ: &'static [Operation] = &[Operation::Select];
    /// Another tenant's rows can be changed.
    pub const WRITE: &'static [Operation] = &[
        Operation::Insert,
        Operation::Update,
        Operation::Delete,
        Operation::Move,
    ];
    /// In the name of a tenant.
    pub const NAMED: &'static [ContextKind] = &[ContextKind::A, ContextKind::B];
    /// Without a tenant's name.
    pub const UNNAMED: &'static [ContextKind] = &[ContextKind::None, ContextKind::Empty];

    /// Any role reads another tenant's rows in a tenant's name.
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

/// A finding, and what an attack would have to achieve to confirm it.
#[derive(Clone, Debug)]
pub struct Suspicion {
    pub finding: Finding,
    /// Empty where no attack could tell.
    pub claims: Vec<Claim>,
}

/// What was found and what could not be looked at, so far.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub found: Vec<Suspicion>,
    pub skipped: Vec<Skipped>,
}

impl Findings {
    /// Adds a finding that no attack can confirm or refute.
    pub fn push(&mut self, finding: Finding) {
        self.suspect(finding, Vec::new());
    }

    /// Adds a finding with what an attack would achieve if it is right.
    pub fn suspect(&mut self, finding: Finding, claims: Vec<Claim>) {
        self.found.push(Suspicion { finding, claims });
    }

    /// Says what could not be looked at, and why.
    pub fn skip(&mut self, check: &str, object: Option<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped {
            check: check.to_owned(),
            object,
            reason: reason.into(),
        });
    }
}
