//! The checks, a folder for each class.

pub mod catalog;
pub mod data;
pub mod grant;
pub mod policy;
pub mod probe;
