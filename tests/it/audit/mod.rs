//! The audit on schemas of every kind.

mod auditor;
mod catalog_keys;
mod catalog_rows;
mod catalog_spills;
mod catalog_texts;
mod commands;
mod correct;
mod deadline;
mod exact_names;
mod grant_functions;
mod grant_roles;
mod grants;
mod holes;
mod hostile;
mod inference;
pub mod lab;
mod policy;
mod policy_trust;
mod probe;
mod probe_limits;
mod probe_write;
mod queries;
mod sql_names;
mod styles;
