//! The report: what was inferred, what was tried, what was found, and what could not be looked
//! at. `-o json` prints just this.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{check::Severity, finding::Finding};

/// The result of one audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub database: DatabaseSummary,
    pub tenant: TenantSummary,
    pub summary: Summary,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why: never a pass.
    pub skipped: Vec<Skipped>,
    /// Findings that a baseline accepts.
    pub suppressed: Vec<Suppressed>,
    /// What is wrong with the baseline itself: entries that expired or vanished.
    pub notes: Vec<String>,
    /// Every attack that was made.
    pub matrix: Vec<Attempt>,
}

/// Which database was looked at, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseSummary {
    pub name: String,
    /// As the server says it, such as `15.18`.
    pub server_version: String,
    /// The role that read the catalog.
    pub role: String,
    /// The role that the attacks were made from; reports of older versions do not say it.
    #[serde(default)]
    pub attack_role: String,
    pub audited_at: DateTime<Utc>,
}

/// What was inferred about tenants, or told by flags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantSummary {
    /// The table of tenants; none where there is only a column.
    pub root: Option<Root>,
    /// The name that the tenant key has in most tables.
    pub key: Option<String>,
    pub key_type: Option<String>,
    /// Whether root and key were told, not inferred.
    pub told: bool,
    pub tables: Vec<TableSummary>,
    /// As whom the application connects.
    pub roles: Vec<Actor>,
    /// Who has rights on tenants' tables too, and was not taken for the application.
    #[serde(default)]
    pub roles_left_out: Vec<Actor>,
    /// How a session names its tenant.
    pub context: Option<SessionContext>,
    /// The two tenants that the attacks are made between.
    pub tenants: Vec<String>,
}

/// The table of tenants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// As `schema.name`.
    pub table: String,
    pub column: String,
}

/// How a table belongs to tenants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSummary {
    /// As `schema.name`.
    pub table: String,
    pub scope: Scope,
    /// The column with the tenant key, or the path through foreign keys that leads to it.
    pub by: Option<String>,
}

named_enum! {
    /// How the rows of a table belong to tenants.
    pub enum Scope as "scope" {
        Root = "root", "the table of tenants itself";
        Keyed = "keyed", "a column of its own names the tenant";
        Child = "child", "the tenant is reached through a foreign key";
        Global = "global", "users and other rows that belong to no one tenant but are not for all";
        Reference = "reference", "the same rows for everyone";
    }
}

/// A role that the application uses, or might.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub role: String,
    /// Why it is thought to be one, or not.
    pub why: String,
}

/// How a session says whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionContext {
    /// `setting`, `jwt_claim`, `membership`, `current_user` or `template`.
    pub style: String,
    /// In words, with the names.
    pub description: String,
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Findings by severity; every severity is there.
    pub findings: BTreeMap<Severity, u64>,
    pub checks_run: u64,
    /// Entries of `skipped`.
    pub skipped: u64,
    pub suppressed: u64,
    pub tables: u64,
    /// Statements of the application that were read, for `audit queries`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statements: Option<u64>,
    /// Attacks that were made, and what became of them.
    pub attempts: u64,
    pub blocked: u64,
    pub leaks: u64,
    pub seconds: f64,
}

/// A check that could not be made on an object, or at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The id of the check, or the class where all of it was skipped.
    pub check: String,
    pub object: Option<String>,
    pub reason: String,
}

/// A finding that somebody answers for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suppressed {
    pub finding: Finding,
    pub reason: String,
    pub owner: String,
    pub expires: chrono::NaiveDate,
}

named_enum! {
    /// What is tried.
    pub enum Operation as "operation" {
        Own = "own", "read one's own rows: the control that the door is not simply walled up";
        Select = "select", "read another tenant's rows";
        Insert = "insert", "write a row into another tenant";
        Update = "update", "change another tenant's rows";
        Delete = "delete", "delete another tenant's rows";
        Move = "move", "give a row of one's own to another tenant";
        Reference = "reference", "refer to another tenant's row from one's own";
    }
}

named_enum! {
    /// In whose name it is tried.
    pub enum ContextKind as "context" {
        A = "A", "as the first tenant";
        B = "B", "as the second tenant";
        None = "none", "no tenant is named";
        Empty = "empty", "the tenant is named as nothing";
        Malformed = "malformed", "the tenant is named as something that is no key";
    }
}

/// One cell of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// As `schema.name`; a function as `schema.name()`.
    pub object: String,
    pub role: String,
    pub operation: Operation,
    pub context: ContextKind,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How a try ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "detail", rename_all = "snake_case")]
pub enum Verdict {
    /// It worked, and should.
    Allowed,
    /// The database refused, or there was nothing to be reached: how.
    Blocked(String),
    /// It worked, and should not: the statement that got through.
    Leak(String),
    /// There is nothing to try: why.
    NotApplicable(String),
    /// It could not be tried: why.
    Skipped(String),
}

impl Report {
    /// Sorts the findings, and counts what there is.
    pub fn tally(&mut self) {
        self.findings.sort_by(|one, other| {
            (
                one.severity,
                one.confidence,
                &one.object,
                &one.check,
                &one.part,
                &one.column,
            )
                .cmp(&(
                    other.severity,
                    other.confidence,
                    &other.object,
                    &other.check,
                    &other.part,
                    &other.column,
                ))
        });
        let summary = &mut self.summary;
        summary.findings = Severity::ALL.iter().map(|one| (*one, 0)).collect();
        for finding in &self.findings {
            *summary.findings.entry(finding.severity).or_default() += 1;
        }
        let count = |wanted: fn(&Verdict) -> bool| {
            let cells = self.matrix.iter().filter(|cell| wanted(&cell.verdict));
            cells.count() as u64
        };
        summary.attempts =
            count(|verdict| !matches!(verdict, Verdict::NotApplicable(_) | Verdict::Skipped(_)));
        summary.blocked = count(|verdict| matches!(verdict, Verdict::Blocked(_)));
        summary.leaks = count(|verdict| matches!(verdict, Verdict::Leak(_)));
        summary.skipped = self.skipped.len() as u64;
        summary.suppressed = self.suppressed.len() as u64;
        summary.tables = self.tenant.tables.len() as u64;
    }

    /// The worst severity among the findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).min()
    }
}
