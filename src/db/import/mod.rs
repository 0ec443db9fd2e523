//! Bulk import: rows are copied into a temporary staging table, checked there, and written to their
//! table with set-based statements in the scope of each organization.
//!
//! PostgreSQL rejects `COPY FROM` for a table under row-level security (PostgreSQL manual, COPY),
//! which is why there is a staging table. It belongs to the connecting role; `tenant_app` may read
//! and update it. Statements are built from the constants of [`targets`] only; values are bound.

mod appointment_target;
mod copy_row;
pub mod jobs;
pub mod members;
pub mod organizations;
mod references;
mod schedule_target;
mod staging;
mod statements;
mod targets;

pub use copy_row::CopyRow;
pub use staging::{
    Copying, Rejected, count_rejected, drop_staging, make_staging, prepare_staging, rejected,
    tenants,
};
pub use statements::{Difference, apply, counts, differences, judge, patients_read};
