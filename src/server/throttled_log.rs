//! Logging of ongoing failures without filling the log.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::error::Error;

/// Interval between repeated log messages while the failure persists.
const AGAIN: Duration = Duration::from_secs(60);

/// The target of log messages, which operators can filter by; it is not the path of this module.
const LOG_TARGET: &str = "tenantctl::server::outage";

/// The log of a repeated failure, shared by many callers: written when it starts, every minute
/// while it lasts, and when it ends.
#[derive(Debug)]
pub(super) struct ThrottledLog {
    what: &'static str,
    since: Mutex<Option<Failing>>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    begun: Instant,
    logged: Instant,
}

impl ThrottledLog {
    /// Creates the initial, working state. `what` is the message that describes the failure.
    pub(super) const fn new(what: &'static str) -> Self {
        Self {
            what,
            since: Mutex::new(None),
        }
    }

    /// Records a failure.
    pub(super) fn failed(&self, error: &Error) {
        if self.should_log(Instant::now()) {
            let cause = error.causes().join(": ");
            tracing::warn!(target: LOG_TARGET, %error, cause, "{}", self.what);
        }
    }

    /// Records a success.
    pub(super) fn ended(&self) {
        let failing = self.lock(|since| since.take());
        if let Some(Failing { begun, .. }) = failing {
            let seconds = begun.elapsed().as_secs();
            tracing::info!(target: LOG_TARGET, seconds, "resolved: {}", self.what);
        }
    }

    fn should_log(&self, now: Instant) -> bool {
        self.lock(|since| {
            let begun = since.map_or(now, |failing| failing.begun);
            let should_log = since.is_none_or(|failing| now - failing.logged >= AGAIN);
            if should_log {
                *since = Some(Failing { begun, logged: now });
            }
            should_log
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
    fn a_failure_is_logged_when_it_begins_and_every_minute() {
        let log = ThrottledLog::new("nothing works");
        let begun = Instant::now();
        let is_logged = |after| log.should_log(begun + Duration::from_secs(after));
        let seconds: Vec<u64> = (0..200).filter(|after| is_logged(*after)).collect();
        assert_eq!(seconds, [0, 60, 120, 180]);
        log.ended();
        assert!(log.should_log(begun + Duration::from_secs(201)));
    }
}
