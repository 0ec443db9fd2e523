//! What an audit prints: the page for people, and the formats that other programs read.
//!
//! Names, messages and rows come from the database that was audited, so nobody vouches for them:
//! each format escapes all of them for itself.

mod checks;
mod difference;
mod format;
mod github;
mod grid;
mod groups;
mod html;
mod junit;
mod markdown;
mod plain;
mod records;
mod sarif;
mod wording;

#[cfg(test)]
mod sample;

pub use checks::Explanation;
pub use format::{ReportFormat, render};
pub use plain::ReportView;
