//! A check: what is looked for, and how bad it would be.

use serde::Serialize;

named_enum! {
    /// How much harm a finding does. The order is from the worst to the least.
    pub enum Severity as "severity" {
        Critical = "critical", "one tenant reaches another's rows today";
        High = "high", "one statement, grant or forgotten predicate away from reaching them";
        Medium = "medium", "a layer of the defence is missing, or something leaks about rows";
        Low = "low", "hygiene that keeps the defence in place";
        Info = "info", "worth knowing; nothing to mend by itself";
    }
}

impl Severity {
    /// Whether this is as bad as `other`, or worse.
    pub fn at_least(self, other: Self) -> bool {
        self <= other
    }
}

named_enum! {
    /// How sure a finding is. The order is from the surest to the least sure.
    pub enum Confidence as "confidence" {
        Proven = "proven", "it was done, or counted, and the proof is with the finding";
        High = "high", "it follows from the catalog";
        Medium = "medium", "it rests on what was inferred about the schema";
        Low = "low", "a suspicion, or one that an attack did not confirm";
    }
}

named_enum! {
    /// Where a check looks.
    pub enum Class as "class of checks" {
        Catalog = "catalog", "tables, columns, keys, indexes and views";
        Policy = "policy", "the policies of row-level security";
        Grant = "grant", "grants, roles and functions";
        Data = "data", "the rows that are there";
        Probe = "probe", "attacks as the application would make them";
        Query = "query", "the application's own SQL";
    }
}

/// One thing that the audit looks for.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Check {
    /// The stable id, such as `rls-disabled`: on the command line, in JSON, in baselines.
    pub id: &'static str,
    pub class: Class,
    /// The severity a finding has unless the circumstances make it better or worse.
    pub severity: Severity,
    /// The confidence a finding has unless the circumstances say otherwise.
    pub confidence: Confidence,
    /// What is wrong where it fires, in one line.
    pub title: &'static str,
    /// The page of docs/audit/: why, example, fix.
    #[serde(skip)]
    pub page: &'static str,
}
