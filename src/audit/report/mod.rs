//! The results of an audit: checks, findings, and the report behind every output format.

pub mod baseline;
pub mod check;
pub mod difference;
pub mod document;
pub mod finding;
pub mod migration;

pub use check::{Check, Class, Confidence, Severity};
pub use document::{
    Attempt, ContextKind, DatabaseSummary, Operation, Report, RoleSummary, Root, Scope,
    SessionContext, Skipped, Summary, Suppressed, TableSummary, TenantSummary, Verdict,
};
pub use finding::{Evidence, Finding, Fix, Location, Phase};
