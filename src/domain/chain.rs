//! A log as a hash chain, in which a removed, inserted or edited link is detected.
//!
//! The links of an organization's log are numbered from 1, and the hash of each covers that of the
//! previous one. A chain alone cannot show that its newest links were cut off, or that the whole
//! log was rewritten: compare it with a [`Head`] stored elsewhere.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

/// The "previous hash" of the first link of a chain.
pub const GENESIS: [u8; 32] = [0; 32];

/// A link of a chain.
pub trait Link {
    /// Its position in the chain, from 1, without gaps.
    fn sequence(&self) -> i64;

    /// The id of its row, or of its first row.
    fn id(&self) -> Uuid;

    /// Its hash, given that of the previous link ([`GENESIS`] for the first).
    fn hash(&self, previous: &[u8; 32]) -> [u8; 32];
}

/// The end of a chain at a point in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// The number of links.
    pub sequence: i64,
    /// The hash of the last link; [`GENESIS`] for an empty chain.
    pub hash: [u8; 32],
}

/// The position and kind of a break in a chain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Break {
    /// The position of the first row that does not match.
    pub sequence: i64,
    /// The id of that row.
    pub id: Uuid,
    /// The kind of mismatch.
    pub kind: BreakKind,
}

/// The kind of mismatch in a broken chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BreakKind {
    /// Rows are missing or duplicated before this one.
    Gap {
        /// The expected position.
        expected: i64,
    },
    /// The row does not continue the previous one: it, or both, were replaced.
    PreviousHash,
    /// The row does not match its own hash: it was edited.
    Hash,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, kind, .. } = self;
        match kind {
            BreakKind::Gap { expected } if sequence > expected => {
                write!(f, "entries {expected} to {} are missing", sequence - 1)
            }
            BreakKind::Gap { expected } => write!(f, "expected entry {expected}"),
            BreakKind::PreviousHash => f.write_str("it does not continue the entry before it"),
            BreakKind::Hash => f.write_str("it was edited: its content does not match its hash"),
        }
    }
}

impl std::error::Error for Break {}

/// Verifies a chain in the order of its sequence, one row at a time, in constant memory.
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    sequence: i64,
    hash: [u8; 32],
}

impl Default for ChainVerifier {
    fn default() -> Self {
        Self::new()
    }
}

impl ChainVerifier {
    /// Starts before the first entry.
    pub const fn new() -> Self {
        Self {
            sequence: 0,
            hash: GENESIS,
        }
    }

    /// Checks the next link against the previous ones. A log that stores no previous hash next to
    /// its own passes `None`: the previous hash is part of the next one either way.
    ///
    /// # Errors
    /// The [`Break`]; the verifier then keeps its position.
    pub fn next(
        &mut self,
        link: &impl Link,
        stored_previous: Option<&[u8]>,
        stored_hash: &[u8],
    ) -> Result<(), Break> {
        let broken = |kind| Break {
            sequence: link.sequence(),
            id: link.id(),
            kind,
        };
        let expected = self.sequence + 1;
        if link.sequence() != expected {
            return Err(broken(BreakKind::Gap { expected }));
        }
        if stored_previous.is_some_and(|stored| stored != self.hash) {
            return Err(broken(BreakKind::PreviousHash));
        }
        let hash = link.hash(&self.hash);
        if stored_hash != hash {
            return Err(broken(BreakKind::Hash));
        }
        self.sequence = expected;
        self.hash = hash;
        Ok(())
    }

    /// Position and hash of the last valid entry; `None` before the first.
    pub fn last(&self) -> Option<(i64, [u8; 32])> {
        (self.sequence > 0).then_some((self.sequence, self.hash))
    }
}
