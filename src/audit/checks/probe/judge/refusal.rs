//! Errors of the database, and how much of them may be reported: a message may quote the values of
//! rows.

use serde::Deserialize;
use sqlx::postgres::PgDatabaseError;

use crate::{
    audit::session::Stop,
    error::{Context, Result},
};

/// Prefixes of PostgreSQL's own messages that only name objects. Messages raised by the
/// application's code may contain values.
const OF_SERVER: &[(&str, &str)] = &[
    ("0A000", "cannot change materialized view "),
    ("23", "conflicting key value violates exclusion constraint "),
    ("23", "duplicate key value violates unique constraint "),
    ("23", "insert or update on table "),
    ("23", "new row for relation "),
    ("23", "no partition of relation "),
    ("23", "null value in column "),
    ("23", "update or delete on table "),
    ("25006", "cannot execute "),
    ("42501", "must be owner of "),
    ("42501", "new row violates row-level security policy"),
    ("42501", "permission denied for "),
    ("42501", "permission denied to "),
    (
        "42501",
        "query would be affected by row-level security policy for ",
    ),
    ("42704", "unrecognized configuration parameter "),
    ("44000", "new row violates check option for view "),
    ("55000", "cannot delete from view "),
    ("55000", "cannot insert into view "),
    ("55000", "cannot update view "),
    ("55000", "materialized view "),
    ("55P03", "canceling statement due to lock timeout"),
    ("57014", "canceling statement due to statement timeout"),
];

/// The values that are used in place of a missing tenant: a message about one quotes no row.
const OURS: [&str; 2] = [": \"\"", ": \"not-a-key\""];

/// The state of a statement that was not answered; no SQLSTATE of PostgreSQL has this prefix.
const UNANSWERED: &str = "TA057";

/// The state of a statement that the audit itself refuses to run; no SQLSTATE of PostgreSQL has
/// this prefix.
const OF_AUDIT: &str = "TA001";

/// Number of characters kept of a message, which may quote a value.
pub(crate) const MESSAGE: usize = 1000;

/// An error of the database, or a refusal by the audit.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) state: String,
    message: String,
    /// The constraint that was violated, or the column that may not be NULL.
    #[serde(default)]
    pub(crate) constraint: Option<String>,
}

impl Refusal {
    pub(crate) const QUERY_CANCELED: &str = "57014";
    pub(crate) const INSUFFICIENT_PRIVILEGE: &str = "42501";

    /// Returns the error of the database, or the reason for a missing answer; any other error ends
    /// the audit.
    pub(crate) fn of(error: sqlx::Error) -> Result<Self> {
        if let Some(stop) = Stop::of(&error) {
            return Ok(stop.into());
        }
        match error {
            sqlx::Error::Database(error) => Ok(Self {
                state: error.code().unwrap_or_default().into_owned(),
                message: error.message().chars().take(MESSAGE).collect(),
                constraint: error
                    .try_downcast_ref::<PgDatabaseError>()
                    .and_then(|error| error.constraint().or(error.column()))
                    .map(str::to_owned),
            }),
            other => Err(other).context("lost the connection of the probes"),
        }
    }

    /// Returns the audit's own refusal to run a statement.
    pub(crate) fn of_audit(message: String) -> Self {
        Self {
            state: OF_AUDIT.to_owned(),
            message,
            constraint: None,
        }
    }

    /// Returns the original message, which may quote values.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the text for a report: the message, but without `show_values` only if it quotes no
    /// row.
    pub(crate) fn text(&self, show_values: bool) -> String {
        if show_values || self.is_unanswered() || self.quotes_no_row() {
            return self.message.clone();
        }
        let state = &self.state;
        let constraint = self.constraint.as_ref();
        let constraint = constraint.map_or(String::new(), |name| format!(", {name}"));
        let raised = match state.starts_with("P0") {
            true => " (raised by a trigger or function)",
            false => "",
        };
        format!("refused: {state}{constraint}{raised}")
    }

    /// `true` if a lock could not be acquired in time.
    pub(crate) fn is_locked(&self) -> bool {
        self.state == "55P03"
    }

    /// `true` if the session ended before there was an answer, which proves nothing about access.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.state == UNANSWERED
    }

    fn quotes_no_row(&self) -> bool {
        let of_server = OF_SERVER.iter().any(|(state, beginning)| {
            self.state.starts_with(state) && self.message.starts_with(beginning)
        });
        let of_ours =
            self.state.starts_with("22") && OURS.iter().any(|ours| self.message.ends_with(ours));
        of_server || of_ours || self.state == OF_AUDIT
    }
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        Self {
            state: UNANSWERED.to_owned(),
            message: stop.to_string(),
            constraint: None,
        }
    }
}

#[cfg(test)]
impl Refusal {
    pub(crate) fn made_up(state: &str, message: &str, constraint: Option<&str>) -> Self {
        Self {
            state: state.to_owned(),
            message: message.to_owned(),
            constraint: constraint.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_text(state: &str, message: &str, expected: &str) {
        let refusal = Refusal::made_up(state, message, None);
        assert_eq!(refusal.text(false), expected);
        assert_eq!(refusal.text(true), message);
    }

    #[test]
    fn what_the_server_says_of_objects_is_kept() {
        let denied = "permission denied for table notes";
        assert_text("42501", denied, denied);
        let not_ours = "invalid input syntax for type uuid: \"not-a-key\"";
        assert_text("22P02", not_ours, not_ours);
    }

    #[test]
    fn what_may_quote_a_row_is_left_out() {
        let raised = "refused: P0001 (raised by a trigger or function)";
        assert_text("P0001", "permission denied for customer Smith", raised);
        assert_text("42501", "customer Smith is locked", "refused: 42501");
        let cast = "invalid input syntax for type bigint: \"Smith\"";
        assert_text("22P02", cast, "refused: 22P02");
        let by_trigger = Refusal::made_up("23514", "Smith owes 7", Some("no_debts"));
        assert_eq!(by_trigger.text(false), "refused: 23514, no_debts");
    }
}
