//! Statements to run as one batch, and their replies.

use serde::Deserialize;
use serde_json::Value;

use super::locks::{Access, Locks};
use crate::audit::{catalog::Oid, checks::probe::judge::refusal::Refusal};

/// One statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) kind: Kind,
    /// The object of the statement, used to remember locks and to apply guards.
    pub(crate) object: Option<Oid>,
    /// `true` if the statement runs as the session's own role, with `row_security = off`.
    scans: bool,
    /// A narrower statement that is tried if this one takes too long.
    pub(crate) narrower: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Returns one value of type jsonb, or no row.
    Read,
    /// Changes rows. The second statement reads the effect as the session's own role.
    Write { check: Option<String> },
}

/// Result of a statement.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Reply {
    /// The value that was read by the statement, or by the check of a change.
    pub(crate) value: Option<Value>,
    /// Number of changed rows.
    #[serde(default)]
    pub(crate) rows: u64,
    #[serde(flatten)]
    pub(crate) refusal: Option<Refusal>,
    /// `true` if this is the reply to the narrower statement.
    #[serde(skip)]
    pub(crate) narrowed: bool,
}

impl Statement {
    pub(crate) fn read(sql: String) -> Self {
        Self {
            sql,
            kind: Kind::Read,
            object: None,
            scans: false,
            narrower: None,
        }
    }

    /// Returns a [`Statement::read`] that runs as the session's own role, outside of the probes.
    pub(crate) fn scan(sql: String) -> Self {
        Self {
            scans: true,
            ..Self::read(sql)
        }
    }

    pub(crate) fn write(sql: String, check: Option<String>) -> Self {
        Self {
            kind: Kind::Write { check },
            ..Self::read(sql)
        }
    }

    pub(crate) fn on(self, object: Oid) -> Self {
        Self {
            object: Some(object),
            ..self
        }
    }

    pub(crate) fn or_narrower(self, narrower: Option<String>) -> Self {
        Self { narrower, ..self }
    }

    pub(crate) fn check(&self) -> Option<&str> {
        match &self.kind {
            Kind::Read => None,
            Kind::Write { check } => check.as_deref(),
        }
    }

    pub(crate) fn access(&self) -> Access {
        match self.kind {
            Kind::Read if self.scans => Access::Scan,
            Kind::Read => Access::Read,
            Kind::Write { .. } => Access::Write,
        }
    }

    /// Returns the refusal that a known lock or a guard would cause.
    pub(crate) fn locked(&self, locks: &Locks) -> Option<Refusal> {
        let Some(object) = self.object else {
            let message = "the object of the statement is unknown".to_owned();
            return Some(Refusal::of_audit(message));
        };
        locks.refusal(object, self.access())
    }
}

impl Reply {
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self {
            refusal: Some(refusal),
            ..Self::default()
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.refusal.as_ref().is_some_and(Refusal::is_locked)
    }

    pub(crate) fn timed_out(&self) -> bool {
        let refusal = self.refusal.as_ref();
        refusal.is_some_and(|refusal| refusal.state == Refusal::QUERY_CANCELED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_a_value_or_a_refusal() {
        let text = r#"[{"value":{"a":1},"rows":0},{"state":"42501","message":"no"},{"value":null,"rows":2}]"#;
        let replies: Vec<Reply> = serde_json::from_str(text).unwrap();
        assert!(replies[0].refusal.is_none() && replies[0].value.is_some());
        assert_eq!(replies[1].refusal.as_ref().unwrap().state, "42501");
        assert_eq!((replies[2].rows, replies[2].value.is_none()), (2, true));
    }
}
