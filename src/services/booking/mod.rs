//! The thirty functions on the booking data. Each runs in the organization's scope, checks the
//! caller's permission and, if it changes data, writes the activity entry in the same transaction.
//! Records of another organization are reported as not found.

pub mod access_log;
pub mod appointments;
mod call;
mod checks;
mod missing;
pub mod named;
pub mod patients;
pub mod resources;
pub mod schedules;
pub mod slots;

pub use call::{call, schema};
pub use checks::Removal;
