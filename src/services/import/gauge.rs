//! Progress of an import.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Phase of an import.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    Reading,
    Judging,
    Writing,
    Committing,
}

impl Phase {
    const ALL: [Self; 4] = [
        Self::Reading,
        Self::Judging,
        Self::Writing,
        Self::Committing,
    ];

    /// Returns the description of the phase.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Reading => "reading and staging",
            Self::Judging => "comparing with existing rows",
            Self::Writing => "writing",
            Self::Committing => "committing",
        }
    }
}

/// Counters of an import, for a progress bar.
#[derive(Debug, Default)]
pub struct Gauge {
    bytes: AtomicU64,
    records: AtomicU64,
    phase: AtomicU8,
}

impl Gauge {
    /// Returns the number of bytes read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of records read.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Returns the current phase.
    pub fn phase(&self) -> Phase {
        let phase = usize::from(self.phase.load(Ordering::Relaxed));
        Phase::ALL.get(phase).copied().unwrap_or(Phase::Reading)
    }

    pub(super) fn read(&self, bytes: u64, records: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.records.store(records, Ordering::Relaxed);
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }
}
