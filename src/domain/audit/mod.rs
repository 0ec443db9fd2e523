//! What an audit says: checks, findings, and the report that every format is made from. How it
//! comes to say it is the business of [`crate::audit`].

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
