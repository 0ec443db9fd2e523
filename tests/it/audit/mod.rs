//! The audit on schemas of every kind.

mod catalog_keys;
mod catalog_rows;
mod catalog_spills;
mod commands;
mod grant_functions;
mod grant_roles;
mod grants;
mod inference;
mod lab;
mod policy;
mod policy_trust;
mod probe;
mod probe_write;
mod queries;
mod styles;
