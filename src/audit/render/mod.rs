//! The output of an audit: the page for terminals, and formats for other programs.
//!
//! Names, messages and rows come from the audited database and are not trusted: each format escapes
//! all of them.

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
