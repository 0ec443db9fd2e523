//! A finding: one check that fired on one object.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::check::{Check, Class, Confidence, Severity};
use crate::quoting::printable;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The id of the check.
    pub check: String,
    pub class: Class,
    pub severity: Severity,
    pub confidence: Confidence,
    /// The object, as `schema.name`; a role, a function with its arguments, or the statement's
    /// place for a query.
    pub object: String,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// The part of the object that it is about: a policy, constraint, grantee, context.
    pub part: Option<String>,
    /// What is wrong, with names, in a sentence or two.
    pub message: String,
    pub evidence: Evidence,
    /// The remedy for this object.
    pub fix: Fix,
    /// Where in the application's sources, for queries.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// Stays the same as long as the same is wrong with the same object: see [`fingerprint`].
    pub fingerprint: String,
}

/// What a finding rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the catalog says: the text of a policy, a grant, a definition.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub facts: Vec<String>,
    /// Statements to paste into psql that show it, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub statements: Vec<String>,
    /// Rows that were reached or are wrong; values are redacted unless they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rows: Vec<Value>,
    /// How many rows, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub count: Option<u64>,
}

/// What mends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// What to do, in one sentence.
    pub summary: String,
    /// The statement that does it, where it follows from the catalog alone. Several statements
    /// are several entries; none ends with a semicolon. Each is [`printable`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sql: Vec<String>,
    /// Whether `audit fix` may write it: it needs no judgement, and takes nothing from a correct
    /// application.
    pub mechanical: bool,
    /// When in a migration it applies.
    pub phase: Phase,
}

named_enum! {
    /// The place of a remedy in a migration: each may rest on those before it.
    pub enum Phase as "phase" {
        Roles = "roles", "attributes and memberships of roles";
        Columns = "columns", "columns and their types";
        Rows = "rows", "rows that stand in the way of a constraint";
        Keys = "keys", "unique keys and indexes";
        References = "references", "foreign keys";
        Functions = "functions", "functions and their settings";
        Views = "views", "views and rules";
        Policies = "policies", "policies";
        Security = "security", "row-level security switched on and forced";
        Grants = "grants", "grants, and defaults for what is made later";
    }
}

impl Fix {
    /// A remedy that a person must work out.
    pub fn advice(phase: Phase, summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            sql: Vec::new(),
            mechanical: false,
            phase,
        }
    }

    /// A remedy with statements that a person must judge first.
    pub fn proposal<S: Into<String>>(
        phase: Phase,
        summary: impl Into<String>,
        sql: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            sql: sql
                .into_iter()
                .map(|one| printable(&one.into()).into_owned())
                .collect(),
            ..Self::advice(phase, summary)
        }
    }

    /// A remedy that `audit fix` may write.
    pub fn mechanical<S: Into<String>>(
        phase: Phase,
        summary: impl Into<String>,
        sql: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            mechanical: true,
            ..Self::proposal(phase, summary, sql)
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl Finding {
    /// A finding of `check` on `object`, with the check's own severity and confidence.
    pub fn new(
        check: &Check,
        object: impl Into<String>,
        message: impl Into<String>,
        fix: Fix,
    ) -> Self {
        let mut finding = Self {
            check: check.id.to_owned(),
            class: check.class,
            severity: check.severity,
            confidence: check.confidence,
            object: object.into(),
            column: None,
            part: None,
            message: message.into(),
            evidence: Evidence::default(),
            fix,
            location: None,
            fingerprint: String::new(),
        };
        finding.refresh();
        finding
    }

    /// Says which column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self.refresh();
        self
    }

    /// Says which part of the object: it tells two findings of one check on one object apart.
    #[must_use]
    pub fn part(mut self, part: impl Into<String>) -> Self {
        self.part = Some(part.into());
        self.refresh();
        self
    }

    /// Makes it better or worse than the check is by itself.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Makes it more or less sure than the check is by itself.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds what the catalog says.
    #[must_use]
    pub fn fact(mut self, fact: impl Into<String>) -> Self {
        self.evidence.facts.push(fact.into());
        self
    }

    /// Shows the statements that prove it, each [`printable`].
    #[must_use]
    pub fn shown_by(mut self, statements: impl IntoIterator<Item = String>) -> Self {
        let statements = statements.into_iter();
        self.evidence.statements = statements.map(|one| printable(&one).into_owned()).collect();
        self
    }

    /// Says where in a file.
    #[must_use]
    pub fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    fn refresh(&mut self) {
        self.fingerprint = fingerprint(
            &self.check,
            &self.object,
            self.column.as_deref(),
            self.part.as_deref(),
        );
    }
}

/// SHA-256 over check, object, column and part, of which 16 hexadecimal digits are kept: wording,
/// severity and the rows of the day do not change it.
fn fingerprint(check: &str, object: &str, column: Option<&str>, part: Option<&str>) -> String {
    let mut hash = Sha256::new();
    for field in [check, object, column.unwrap_or(""), part.unwrap_or("")] {
        hash.update(field.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: Check = Check {
        id: "rls-disabled",
        class: Class::Catalog,
        severity: Severity::High,
        confidence: Confidence::High,
        title: "",
        page: "",
    };

    fn finding(message: &str) -> Finding {
        Finding::new(
            &CHECK,
            "public.a",
            message,
            Fix::advice(Phase::Security, "x"),
        )
    }

    #[test]
    fn the_fingerprint_is_of_the_object_and_not_of_the_words() {
        assert_eq!(finding("one").fingerprint, finding("two").fingerprint);
        assert_eq!(finding("one").fingerprint.len(), 16);
        let column = finding("one").column("x").fingerprint;
        let part = finding("one").part("x").fingerprint;
        assert_ne!(column, part);
        assert_ne!(column, finding("one").fingerprint);
    }
}
