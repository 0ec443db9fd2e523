//! Checks of pending work for the operator: identity claims and quarantined events.

use chrono::{DateTime, Utc};

use super::report::{Area, Check};
use crate::{db::webhooks::claims::Waiting, error::Result, run};

pub(super) const CLAIMS: &str = "channel_claims";
pub(super) const QUARANTINE: &str = "quarantined_events";

const AREA: Area = Area::Database;

/// Checks for pending claims to a number, agent or instance.
pub(super) fn claims(waiting: Result<Waiting>) -> Check {
    let Waiting {
        pending,
        conflicting,
    } = match waiting {
        Ok(waiting) => waiting,
        Err(error) => return Check::skipped(CLAIMS, AREA, error.to_string()),
    };
    if pending == 0 {
        return Check::ok(
            CLAIMS,
            AREA,
            "no pending claims to numbers, agents or instances",
        );
    }
    let mut message = match pending {
        1 => "1 claim to a number, agent or instance is pending approval".to_owned(),
        _ => format!("{pending} claims to numbers, agents or instances are pending approval"),
    };
    if conflicting > 0 {
        message.push_str(&format!(
            ", {conflicting} of them to one that another organization holds"
        ));
    }
    Check::warning(CLAIMS, AREA, message)
        .remedy(run!["channel", "claim", "list", "--status", "pending"])
}

/// Checks for quarantined events, which could not be assigned to an organization with certainty.
pub(super) fn quarantine(waiting: Result<(i64, Option<DateTime<Utc>>)>) -> Check {
    let (count, since) = match waiting {
        Ok(waiting) => waiting,
        Err(error) => return Check::skipped(QUARANTINE, AREA, error.to_string()),
    };
    let Some(since) = since.filter(|_| count > 0) else {
        return Check::ok(QUARANTINE, AREA, "no quarantined events");
    };
    let since = since.format("%Y-%m-%d %H:%M UTC");
    let message = match count {
        1 => format!("1 event is quarantined since {since}"),
        _ => format!("{count} events are quarantined, the oldest since {since}"),
    };
    Check::warning(QUARANTINE, AREA, message).remedy(run![
        "webhook",
        "quarantine",
        "list",
        "--status",
        "waiting"
    ])
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn what_waits_is_a_warning() {
        let check = |pending, conflicting| {
            claims(Ok(Waiting {
                pending,
                conflicting,
            }))
        };
        assert_eq!(check(0, 0).state, State::Ok);
        assert_eq!(check(1, 0).state, State::Warning);
        assert!(check(3, 2).message.contains("2 of them"));
        assert_eq!(quarantine(Ok((0, None))).state, State::Ok);
        let waiting = quarantine(Ok((2, Some(DateTime::UNIX_EPOCH))));
        assert!(waiting.message.contains("1970-01-01 00:00 UTC"));
    }
}
