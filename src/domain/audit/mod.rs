//! The results of an audit: checks, findings, and the report behind every output format. The audit
//! itself is in [`crate::audit`].

pub mod baseline;
pub mod check;
pub mod difference;
pub mod finding;
pub mod migration;
pub mod report;

pub use check::{Check, Class, Confidence, Severity};
pub use finding::{Evidence, Finding, Fix, Location, Phase};
pub use report::{
    Attempt, ContextKind, DatabaseSummary, Operation, Report, RoleSummary, Root, Scope,
    SessionContext, Skipped, Summary, Suppressed, TableSummary, TenantSummary, Verdict,
};
