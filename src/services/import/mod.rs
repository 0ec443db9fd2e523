//! Import of CSV files. A file is read once; its rows are staged with COPY and merged into their
//! tables by set-based statements, in one transaction or in resumable steps.

mod ahead;
mod check;
mod feed;
mod gauge;
mod job;
mod joining;
mod links;
mod options;
mod plan;
mod provision;
mod reading;
mod rejects;
mod run;
mod step;
mod tenants;

pub use check::check;
pub use gauge::{Gauge, Phase};
pub use job::{list as list_jobs, plan_of};
pub use options::{Joining, OrganizationDefaults};
pub use plan::{Outcome, Plan, ShownFault};
pub use reading::names_organizations;
pub use run::{resume, run};
pub use tenants::Tenants;
