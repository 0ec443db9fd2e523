//! What a CSV file may hold: the columns of each kind, the header that names them, and the rules
//! that a row is held to. The file itself is read by [`crate::csv_file`].

mod appointments;
mod cells;
mod columns;
mod dates;
mod fault;
mod header;
mod members;
mod operatories;
mod organizations;
mod patients;
mod providers;
mod references;
mod row;
mod schedules;

use std::fmt;

pub use cells::{Cells, Fields};
pub use columns::{Column, ORGANIZATION, columns};
pub use dates::DateOrder;
pub use fault::{Fault, SHOWN_CHARACTERS};
pub use header::{ERROR_COLUMN, Layout, Mapping};
pub use row::{RowSink, Tenant, read_row};

named_enum! {
    /// What the rows of a file are.
    pub enum ImportKind as "kind of import" {
        Members = "members", "People who are invited, or who signed up and are added.";
        Patients = "patients", "Patients of an organization.";
        Providers = "providers", "Who treats: dentists, hygienists.";
        Operatories = "operatories", "Where: rooms and chairs.";
        Schedules = "schedules", "Working hours, holidays and blockouts.";
        Appointments = "appointments", "Appointments, past and to come.";
        Organizations = "organizations", "Organizations with their owners.";
    }
}

impl ImportKind {
    /// What one row is called.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Members => "member",
            Self::Patients => "patient",
            Self::Providers => "provider",
            Self::Operatories => "operatory",
            Self::Schedules => "schedule",
            Self::Appointments => "appointment",
            Self::Organizations => "organization",
        }
    }

    /// Whether a column `organization` may say whose each row is.
    pub const fn fills_many(self) -> bool {
        matches!(self, Self::Members | Self::Patients)
    }
}

named_enum! {
    /// What becomes of a row whose key the database has already, with other values.
    pub enum OnConflict as "way with conflicts" {
        Skip = "skip", "Leave what is there, and count the row as skipped.";
        Update = "update", "Take the values of the row; empty cells change nothing.";
        Fail = "fail", "Reject the row.";
    }
}

named_enum! {
    /// How the people in a file become members.
    pub enum MemberMode as "way to become a member" {
        Invite = "invite", "They are invited, and join when they accept.";
        Add = "add", "They signed up already, and are members at once; for the platform's operator.";
    }
}

named_enum! {
    /// Where an import stands.
    pub enum JobStatus as "status of an import" {
        Running = "running", "Under way, or cut off: --resume goes on with it.";
        Stopped = "stopped", "Stopped at rows that are wrong: --resume tries them again.";
        Done = "done", "All of the file is dealt with.";
    }
}

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// There with other values, which were left.
    pub skipped: u64,
    pub rejected: u64,
}

impl Counts {
    /// All rows.
    pub const fn rows(self) -> u64 {
        self.new + self.changed + self.unchanged + self.skipped + self.rejected
    }

    /// Adds the counts of another part of the file.
    pub fn add(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
        self.rejected += other.rejected;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            new,
            changed,
            unchanged,
            skipped,
            rejected,
        } = self;
        write!(f, "{new} new, {changed} changed, {unchanged} unchanged, ")?;
        write!(f, "{skipped} skipped, {rejected} rejected")
    }
}
