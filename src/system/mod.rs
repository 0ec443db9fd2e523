//! The time, ids, randomness and environment of the process, which tests control.

mod environment;

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use crate::error::{Error, Result};

pub use environment::Environment;

/// The source of the time.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The system clock.
    #[default]
    System,
    /// A fixed time, for tests.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The time, truncated to the microseconds that PostgreSQL stores.
    pub fn now(self) -> DateTime<Utc> {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "the only place that reads the system clock"
            )]
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Fixed(time) => time,
        }
    }
}

/// A new id: UUID v7, so that newer ids sort after older ones (RFC 9562, section 5.7).
pub fn new_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "the only place that makes ids")]
    Uuid::now_v7()
}

/// 256 bits from the operating system's generator.
///
/// # Errors
/// `Failure` if the operating system provides no random bytes.
pub fn random_secret() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads random bytes"
    )]
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::failure("the operating system returned no random bytes").because(error)
    })?;
    Ok(bytes)
}
