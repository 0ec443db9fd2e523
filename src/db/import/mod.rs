//! Importing in bulk: rows are copied into a temporary staging table, judged there, and brought to
//! their table by set-based statements in the scope of each organization.
//!
//! `COPY FROM` is refused for a table under row-level security (PostgreSQL manual, COPY), hence the
//! staging table; it belongs to the role that connected, and `tenant_app` may read and judge it. The
//! statements are put together from the constants of [`targets`] alone; values are bound.

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
