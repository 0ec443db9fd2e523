//! Audit checks, one folder per class.

pub mod catalog;
pub mod data;
pub mod grant;
pub mod policy;
pub mod probe;
