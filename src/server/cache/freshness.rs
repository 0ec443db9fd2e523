//! Tracking of whether change notifications are still arriving.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Interval at which an idle server connection is checked.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Validity of a sign of life: a check may be under way, and its answer may take as long as the
/// interval before it.
const COUNTS: Duration = Duration::from_secs(5);

/// The last sign of life of the listening connection.
#[derive(Debug, Default)]
pub(super) struct Freshness(Mutex<Option<Instant>>);

impl Freshness {
    /// Records that the connection was made or that something was received on it.
    pub(super) fn heard(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Records that the connection was lost.
    pub(super) fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// `true` if a change would have been received.
    pub(super) fn is_heard(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|when| when.elapsed() < COUNTS)
    }
}
