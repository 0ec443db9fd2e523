//! A check: its purpose and severity.

use serde::Serialize;

named_enum! {
    /// The severity of a finding, highest first.
    pub enum Severity as "severity" {
        Critical = "critical", "one tenant reaches another's rows today";
        High = "high", "one statement, grant or forgotten predicate away from reaching them";
        Medium = "medium", "a layer of the defense is missing, or information about rows leaks";
        Low = "low", "hygiene that keeps the defense in place";
        Info = "info", "for information; no fix needed";
    }
}

impl Severity {
    /// `true` if this is at least as severe as `other`.
    pub fn at_least(self, other: Self) -> bool {
        self <= other
    }
}

named_enum! {
    /// The confidence of a finding, highest first.
    pub enum Confidence as "confidence" {
        Proven = "proven", "it was executed or counted; the finding contains the proof";
        High = "high", "it follows from the catalog";
        Medium = "medium", "it depends on what was inferred about the schema";
        Low = "low", "a suspicion, or a finding that a probe did not confirm";
    }
}

named_enum! {
    /// The class of a check, by its subject.
    pub enum Class as "check class" {
        Catalog = "catalog", "tables, columns, keys, indexes and views";
        Policy = "policy", "row-level security policies";
        Grant = "grant", "grants, roles and functions";
        Data = "data", "the existing rows";
        Probe = "probe", "attacks in the role of the application";
        Query = "query", "the application's own SQL";
    }
}

/// One check of the audit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Check {
    /// The stable id, such as `rls-disabled`: used on the command line, in JSON and in baselines.
    pub id: &'static str,
    pub class: Class,
    /// The default severity of a finding.
    pub severity: Severity,
    /// The default confidence of a finding.
    pub confidence: Confidence,
    /// The problem in one line.
    pub title: &'static str,
    /// The page in docs/audit/: reason, example, fix.
    #[serde(skip)]
    pub page: &'static str,
}
