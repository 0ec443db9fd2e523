//! Time, ids and randomness: what differs from run to run, so that tests can fix it.

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use crate::error::{Error, Result};

/// The source of the time.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// Always the same, for tests.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The time, cut to the microseconds that PostgreSQL keeps.
    pub fn now(self) -> DateTime<Utc> {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that asks the system"
            )]
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Fixed(time) => time,
        }
    }
}

/// A new id: UUID v7, so that ids made later sort later (RFC 9562, section 5.7).
pub fn new_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    Uuid::now_v7()
}

/// 256 bits from the operating system's generator.
///
/// # Errors
/// `Failure` when the operating system has no randomness to give.
pub fn random_secret() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for randomness"
    )]
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::failure("the operating system gave no random bytes").because(error)
    })?;
    Ok(bytes)
}
