//! Audit of tenant isolation. This module knows PostgreSQL but not the schema of this application:
//! it reads the catalog of any database, and probes it as its application would.
//!
//! ```text
//! catalog → model → checks (catalog, policy, grant) ┐
//!              └──→ data, probe ────────────────────┴→ confirm → report
//! queries: the application's own SQL
//! ```

mod apply;
pub mod auditor;
pub mod catalog;
pub mod checks;
mod confirm;
pub mod connections;
pub mod expression;
pub mod findings;
pub mod model;
pub mod queries;
pub mod reach;
pub mod registry;
pub mod render;
pub mod report;
mod run;
mod run_queries;
pub mod selection;
pub mod session;
mod spelling;

pub use apply::apply;
pub use run::{Options, run};
pub use run_queries::{QuerySource, run_queries};
