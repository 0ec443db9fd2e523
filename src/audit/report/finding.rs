//! A finding: a problem reported by one check on one object.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::check::{Check, Class, Confidence, Severity};
use crate::quoting::printable;

/// One problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// ID of the check.
    pub check: String,
    pub class: Class,
    pub severity: Severity,
    pub confidence: Confidence,
    /// The object, as `schema.name`; a role, a function with its arguments or, for a query, the
    /// location of the statement.
    pub object: String,
    /// The column, if the finding is about one.
    pub column: Option<String>,
    /// The part of the object that the finding is about: a policy, constraint, grantee, context.
    pub part: Option<String>,
    /// A description of the problem, with names, in one or two sentences.
    pub message: String,
    pub evidence: Evidence,
    /// The fix for this object.
    pub fix: Fix,
    /// The location in the application's sources, for queries.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// The same as long as the same problem exists on the same object: see [`fingerprint`].
    pub fingerprint: String,
}

/// The evidence of a finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Facts from the catalog: the text of a policy, a grant, a definition.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub facts: Vec<String>,
    /// Statements for psql that reproduce the problem, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub statements: Vec<String>,
    /// Rows that were reached or are invalid; values are redacted unless requested.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rows: Vec<Value>,
    /// Number of rows, if they were counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub count: Option<u64>,
}

/// The fix of a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// The action in one sentence.
    pub summary: String,
    /// The statements of the fix, if it follows from the catalog alone. One entry for each statement,
    /// without a semicolon. Each is [`printable`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sql: Vec<String>,
    /// `true` if `audit fix` may write it: it needs no decision, and a correct application loses
    /// nothing.
    pub mechanical: bool,
    /// The phase of a migration in which it applies.
    pub phase: Phase,
}

named_enum! {
    /// The phase of a fix in a migration: each may depend on the phases before it.
    pub enum Phase as "phase" {
        Roles = "roles", "attributes and memberships of roles";
        Columns = "columns", "columns and their types";
        Rows = "rows", "rows that conflict with a constraint";
        Keys = "keys", "unique keys and indexes";
        References = "references", "foreign keys";
        Functions = "functions", "functions and their settings";
        Views = "views", "views and rules";
        Policies = "policies", "policies";
        Security = "security", "row-level security enabled and forced";
        Grants = "grants", "grants, and default privileges for future objects";
    }
}

impl Fix {
    /// Creates a fix that a person must work out.
    pub fn advice(phase: Phase, summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            sql: Vec::new(),
            mechanical: false,
            phase,
        }
    }

    /// Creates a fix with statements that a person must review first.
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

    /// Creates a fix that `audit fix` may write.
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

/// A location in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub file: String,
    /// Line number, starting at 1.
    pub line: u32,
}

impl Finding {
    /// Creates a finding of `check` on `object`, with the check's default severity and confidence.
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

    /// Sets the column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self.refresh();
        self
    }

    /// Sets the part of the object, which distinguishes two findings of one check on one object.
    #[must_use]
    pub fn part(mut self, part: impl Into<String>) -> Self {
        self.part = Some(part.into());
        self.refresh();
        self
    }

    /// Overrides the check's default severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Overrides the check's default confidence.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds a fact from the catalog.
    #[must_use]
    pub fn fact(mut self, fact: impl Into<String>) -> Self {
        self.evidence.facts.push(fact.into());
        self
    }

    /// Adds the statements that prove it, each [`printable`].
    #[must_use]
    pub fn shown_by(mut self, statements: impl IntoIterator<Item = String>) -> Self {
        let statements = statements.into_iter();
        self.evidence.statements = statements.map(|one| printable(&one).into_owned()).collect();
        self
    }

    /// Sets the location in a file.
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

/// The first 16 hexadecimal digits of the SHA-256 of check, object, column and part: wording, severity
/// and the current rows do not change it.
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
