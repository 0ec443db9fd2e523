//! Times of retries: delays double up to a limit. Jitter spreads messages that failed together.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::OutboxId;

const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// Returns the time at which a message is retried after this many attempts.
pub(super) fn retry_at(message: OutboxId, attempts: i32, now: DateTime<Utc>) -> DateTime<Utc> {
    let delay = nth(FIRST, LONGEST, attempts, message);
    TimeDelta::from_std(delay)
        .ok()
        .and_then(|delay| now.checked_add_signed(delay))
        .unwrap_or(now)
}

/// Returns the pause of a worker after this many failures.
pub(super) fn pause(failures: i32) -> Duration {
    const FIRST_PAUSE: Duration = Duration::from_secs(2);
    const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
    nth(
        FIRST_PAUSE,
        LONGEST_PAUSE,
        failures,
        uuid::Uuid::nil().into(),
    )
}

/// The jitter is derived from the id, of which 62 bits are random, so it is the same for the same
/// message.
fn nth(first: Duration, longest: Duration, number: i32, id: OutboxId) -> Duration {
    let (_, low) = id.as_uuid().as_u64_pair();
    let number = usize::try_from(number.max(1)).unwrap_or(1);
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(low)
        .build()
        .nth((number - 1).min(64))
        .unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn minutes(id: u128, attempts: i32) -> i64 {
        let now = DateTime::UNIX_EPOCH;
        (retry_at(Uuid::from_u128(id).into(), attempts, now) - now).num_minutes()
    }

    #[test]
    fn delays_double_up_to_a_bound_and_are_up_to_twice_as_long() {
        for (attempts, least) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 4),
            (7, 64),
            (8, 120),
            (1000, 120),
        ] {
            for id in 0..20 {
                let delay = minutes(id, attempts);
                assert!((least..=2 * least).contains(&delay), "{attempts}: {delay}");
            }
        }
        assert_eq!(minutes(1, 3), minutes(1, 3));
        assert!((0..20).any(|id| minutes(id, 8) != minutes(99, 8)));
    }

    #[test]
    fn a_worker_pauses_for_minutes_at_most() {
        assert!(pause(1) <= Duration::from_secs(4));
        assert!(pause(i32::MAX) <= Duration::from_secs(10 * 60));
    }
}
