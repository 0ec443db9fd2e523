//! Whether changes are heard of.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often the server is asked whether it is still there, where it says nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// For how long a sign of life counts: one question may be under way, and its answer may take as
/// long as the question waited.
const COUNTS: Duration = Duration::from_secs(5);

/// The last sign of life of the connection that listens.
#[derive(Debug, Default)]
pub(super) struct Freshness(Mutex<Option<Instant>>);

impl Freshness {
    /// The connection was made, or something came through it.
    pub(super) fn heard(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The connection is gone.
    pub(super) fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a change would have been heard of.
    pub(super) fn is_heard(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|when| when.elapsed() < COUNTS)
    }
}
