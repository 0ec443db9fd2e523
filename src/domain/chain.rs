//! A log as a chain of hashes: removing, inserting or editing a link shows.
//!
//! The links of an organization's log are numbered from 1, and the hash of each covers that of the
//! one before. A chain alone cannot show that its newest links were cut off, or that all of it was
//! written anew: compare it with a [`Head`] kept elsewhere.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

/// The "previous hash" of the first link of a chain.
pub const GENESIS: [u8; 32] = [0; 32];

/// What a chain consists of.
pub trait Link {
    /// Its place in the chain, from 1, without gaps.
    fn sequence(&self) -> i64;

    /// The id of its row, or of the first of its rows.
    fn id(&self) -> Uuid;

    /// Its hash after that of the link before ([`GENESIS`] for the first).
    fn hash(&self, previous: &[u8; 32]) -> [u8; 32];
}

/// The end of a chain at some moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// How many links it has.
    pub sequence: i64,
    /// The hash of the last one; [`GENESIS`] where there is none.
    pub hash: [u8; 32],
}

/// Where and how a chain is broken.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Break {
    /// The position of the first row that does not fit.
    pub sequence: i64,
    /// The id of that row.
    pub id: Uuid,
    /// What does not fit.
    pub kind: BreakKind,
}

/// What does not fit in a broken chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BreakKind {
    /// Rows are missing, or doubled, before this one.
    Gap {
        /// The position that was due.
        expected: i64,
    },
    /// The row does not continue the one before it: that one, or both, were replaced.
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
            BreakKind::Gap { expected } => write!(f, "entry {expected} was due"),
            BreakKind::PreviousHash => f.write_str("it does not continue the entry before it"),
            BreakKind::Hash => f.write_str("it was edited: its content does not match its hash"),
        }
    }
}

impl std::error::Error for Break {}

/// Walks a chain in the order of its sequence, a row at a time, in constant memory.
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

    /// Checks the next link against the ones before it. A log that keeps no previous hash beside
    /// its own passes `None`: the previous hash is part of the next one either way.
    ///
    /// # Errors
    /// The [`Break`]; the verifier then stays where it was.
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

    /// Position and hash of the last good entry; none before the first.
    pub fn last(&self) -> Option<(i64, [u8; 32])> {
        (self.sequence > 0).then_some((self.sequence, self.hash))
    }
}
