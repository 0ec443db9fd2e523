//! The report: inferred facts, attempted probes, findings, and skipped checks. `-o json` prints exactly
//! this.

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
    /// Highest severity first.
    pub findings: Vec<Finding>,
    /// Skipped checks with the reason; a skipped check did not pass.
    pub skipped: Vec<Skipped>,
    /// Findings accepted by a baseline.
    pub suppressed: Vec<Suppressed>,
    /// Problems of the baseline itself: entries that expired or match no finding.
    pub notes: Vec<String>,
    /// All attempts.
    pub matrix: Vec<Attempt>,
}

/// The audited database, and the time of the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseSummary {
    pub name: String,
    /// The version reported by the server, such as `15.18`.
    pub server_version: String,
    /// The role that read the catalog.
    pub role: String,
    /// The role that the probes started from; missing in reports of older versions.
    #[serde(default, rename = "attack_role")]
    pub probe_role: String,
    pub audited_at: DateTime<Utc>,
}

/// Facts about tenants, inferred or set by flags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantSummary {
    /// The table of tenants; `None` if there is only a column.
    pub root: Option<Root>,
    /// The name of the tenant key in most tables.
    pub key: Option<String>,
    pub key_type: Option<String>,
    /// `true` if root and key were set by flags, not inferred.
    #[serde(rename = "told")]
    pub specified: bool,
    pub tables: Vec<TableSummary>,
    /// The roles with which the application connects.
    pub roles: Vec<RoleSummary>,
    /// Other roles with privileges on tenant tables, not assumed to be the application.
    #[serde(default)]
    pub roles_left_out: Vec<RoleSummary>,
    /// The method by which a session names its tenant.
    pub context: Option<SessionContext>,
    /// The two tenants of the probes.
    pub tenants: Vec<String>,
}

/// The table of tenants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The table as `schema.name`.
    pub table: String,
    pub column: String,
}

/// The relation of a table to tenants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSummary {
    /// The table as `schema.name`.
    pub table: String,
    pub scope: Scope,
    /// The column with the tenant key, or the path of foreign keys to it.
    pub by: Option<String>,
}

named_enum! {
    /// The relation of a table's rows to tenants.
    pub enum Scope as "scope" {
        Root = "root", "the table of tenants itself";
        Keyed = "keyed", "a column of the table names the tenant";
        Child = "child", "a foreign key leads to the tenant";
        Global = "global", "users and other rows that belong to no single tenant but are not public";
        Reference = "reference", "the same rows for all tenants";
    }
}

/// A role that the application uses, or might use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSummary {
    pub role: String,
    /// The reason for the assumption.
    pub why: String,
}

/// The method by which a session names its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionContext {
    /// `setting`, `jwt_claim`, `membership`, `current_user` or `template`.
    pub style: String,
    /// A description with names.
    pub description: String,
}

/// Counters of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Findings by severity; contains every severity.
    pub findings: BTreeMap<Severity, u64>,
    pub checks_run: u64,
    /// Number of entries in `skipped`.
    pub skipped: u64,
    pub suppressed: u64,
    pub tables: u64,
    /// Number of the application's statements that were read, for `audit queries`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statements: Option<u64>,
    /// Number of attempts, by result.
    pub attempts: u64,
    pub blocked: u64,
    pub leaks: u64,
    pub seconds: f64,
}

/// A check that was skipped on an object, or completely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The id of the check, or the class if all of it was skipped.
    pub check: String,
    pub object: Option<String>,
    pub reason: String,
}

/// A finding accepted by a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suppressed {
    pub finding: Finding,
    pub reason: String,
    pub owner: String,
    pub expires: chrono::NaiveDate,
}

named_enum! {
    /// The attempted operation.
    pub enum Operation as "operation" {
        Own = "own", "read the tenant's own rows: the control that access works at least for these";
        Select = "select", "read another tenant's rows";
        Insert = "insert", "write a row into another tenant";
        Update = "update", "change another tenant's rows";
        Delete = "delete", "delete another tenant's rows";
        Move = "move", "move one of the tenant's own rows to another tenant";
        Reference = "reference", "reference another tenant's row from one of the tenant's own rows";
    }
}

named_enum! {
    /// The tenant context of an attempt.
    pub enum ContextKind as "context" {
        A = "A", "as the first tenant";
        B = "B", "as the second tenant";
        None = "none", "without a tenant";
        Empty = "empty", "with an empty tenant";
        Malformed = "malformed", "with a tenant that is not a valid key";
    }
}

/// One cell of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The object as `schema.name`; a function as `schema.name()`.
    pub object: String,
    pub role: String,
    pub operation: Operation,
    pub context: ContextKind,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The result of an attempt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "detail", rename_all = "snake_case")]
pub enum Verdict {
    /// The operation succeeded, as it should.
    Allowed,
    /// The database refused it, or there was no row to reach: the reason.
    Blocked(String),
    /// The operation succeeded, but should not: the statement.
    Leak(String),
    /// There is nothing to attempt: the reason.
    NotApplicable(String),
    /// The attempt was skipped: the reason.
    Skipped(String),
}

impl Report {
    /// Sorts the findings and updates the counters.
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

    /// The highest severity among the findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).min()
    }
}
