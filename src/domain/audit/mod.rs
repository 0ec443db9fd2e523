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
    Actor, Attempt, ContextKind, DatabaseSummary, Operation, Report, Root, Scope, SessionContext,
    Skipped, Summary, Suppressed, TableSummary, TenantSummary, Verdict,
};
