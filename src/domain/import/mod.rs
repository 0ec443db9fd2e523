//! The contents of CSV imports: the columns of each kind, the header, and the validation of rows. The
//! file itself is read by [`crate::csv_file`].

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
mod sink;

use std::fmt;

pub use cells::{Cells, Fields};
pub use columns::{Column, ORGANIZATION, columns};
pub use dates::DateOrder;
pub use fault::{Fault, SHOWN_CHARACTERS};
pub use header::{ERROR_COLUMN, Layout, Mapping};
pub use row::read_row;
pub use sink::{RowSink, Tenant};

named_enum! {
    /// The kind of object in the rows of a file.
    pub enum ImportKind as "import kind" {
        Members = "members", "People who are invited, or who signed up and are added.";
        Patients = "patients", "Patients of an organization.";
        Providers = "providers", "People who treat patients: dentists, hygienists.";
        Operatories = "operatories", "Treatment rooms and chairs.";
        Schedules = "schedules", "Working hours, holidays and blockouts.";
        Appointments = "appointments", "Past and future appointments.";
        Organizations = "organizations", "Organizations with their owners.";
    }
}

impl ImportKind {
    /// The name of one row.
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

    /// `true` if a column `organization` may contain the organization of each row.
    pub const fn fills_many(self) -> bool {
        matches!(self, Self::Members | Self::Patients)
    }
}

named_enum! {
    /// The handling of a row with an existing key and different values.
    pub enum OnConflict as "conflict mode" {
        Skip = "skip", "Keep the existing values, and count the row as skipped.";
        Update = "update", "Use the values of the row; empty cells change nothing.";
        Fail = "fail", "Reject the row.";
    }
}

named_enum! {
    /// The method by which the people in a file become members.
    pub enum MemberMode as "member mode" {
        Invite = "invite", "They are invited, and join when they accept.";
        Add = "add", "They are existing users and become members at once; for the platform operator.";
    }
}

named_enum! {
    /// The status of an import.
    pub enum JobStatus as "import status" {
        Running = "running", "In progress or interrupted: continue it with --resume.";
        Stopped = "stopped", "Stopped at invalid rows: retry them with --resume.";
        Done = "done", "The whole file was processed.";
    }
}

/// Number of rows by result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Existing rows with different values, which were kept.
    pub skipped: u64,
    pub rejected: u64,
}

impl Counts {
    /// Total number of rows.
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
