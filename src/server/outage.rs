//! Logging of ongoing failures without filling the log.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::error::Error;

/// Interval between repeated log messages while the failure persists.
const AGAIN: Duration = Duration::from_secs(60);

/// A repeated failure, shared by many callers: logged when it starts, every minute while it lasts,
/// and when it ends.
#[derive(Debug)]
pub(super) struct Outage {
    what: &'static str,
    since: Mutex<Option<Failing>>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    begun: Instant,
    told: Instant,
}

impl Outage {
    /// Creates the initial, working state. `what` is the message that describes the failure.
    pub(super) const fn new(what: &'static str) -> Self {
        Self {
            what,
            since: Mutex::new(None),
        }
    }

    /// Records a failure.
    pub(super) fn failed(&self, error: &Error) {
        if self.is_to_be_told(Instant::now()) {
            let cause = error.causes().join(": ");
            tracing::warn!(%error, cause, "{}", self.what);
        }
    }

    /// Records a success.
    pub(super) fn ended(&self) {
        let failing = self.lock(|since| since.take());
        if let Some(Failing { begun, .. }) = failing {
            let seconds = begun.elapsed().as_secs();
            tracing::info!(seconds, "resolved: {}", self.what);
        }
    }

    fn is_to_be_told(&self, now: Instant) -> bool {
        self.lock(|since| {
            let begun = since.map_or(now, |failing| failing.begun);
            let is_news = since.is_none_or(|failing| now - failing.told >= AGAIN);
            if is_news {
                *since = Some(Failing { begun, told: now });
            }
            is_news
        })
    }

    fn lock<T>(&self, act: impl FnOnce(&mut Option<Failing>) -> T) -> T {
        // No panic can leave the data half-changed.
        act(&mut self.since.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_when_it_begins_and_every_minute() {
        let outage = Outage::new("nothing works");
        let begun = Instant::now();
        let told = |after| outage.is_to_be_told(begun + Duration::from_secs(after));
        let seconds: Vec<u64> = (0..200).filter(|after| told(*after)).collect();
        assert_eq!(seconds, [0, 60, 120, 180]);
        outage.ended();
        assert!(outage.is_to_be_told(begun + Duration::from_secs(201)));
    }
}
