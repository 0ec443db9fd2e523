//! Requests for imports, and their results.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Joining, OrganizationDefaults};
use crate::{
    csv_file::{Format, ReadOptions},
    db::import::Difference,
    domain::import::{Counts, DateOrder, Fault, ImportKind, Mapping, MemberMode, OnConflict},
    error::{Error, Result},
    files::Existing,
};

/// The way a file is imported. It is kept with the job, so that a later `--resume` does the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub kind: ImportKind,
    pub on_conflict: OnConflict,
    /// Take the good rows where some are wrong.
    pub partial: bool,
    /// Records of a step; `None`: all in one transaction.
    pub batch: Option<u64>,
    /// More wrong rows than these stop the import; `None`: as many as there are.
    pub max_errors: Option<u64>,
    pub dates: DateOrder,
    pub mappings: Vec<Mapping>,
    /// `None`: detected.
    pub encoding: Option<String>,
    /// `None`: detected.
    pub delimiter: Option<String>,
    /// The file for rejected rows.
    pub reject_file: Option<PathBuf>,
    /// The decision about a reject file or a links file that exists. It is of an invocation, not of
    /// the job.
    #[serde(skip)]
    pub existing: Existing,
    /// Keep spreadsheets from evaluating cells of the reject file.
    pub excel_safe: bool,
    /// For kinds by which people join.
    #[serde(default)]
    pub joining: Option<Joining>,
    /// For organizations.
    #[serde(default)]
    pub defaults: Option<OrganizationDefaults>,
}

impl Plan {
    /// The way the file is to be read.
    ///
    /// # Errors
    /// `BadInput` for an encoding or delimiter that is not known.
    pub(super) fn read_options(&self) -> Result<ReadOptions> {
        let encoding = self.encoding.as_deref().map(str::parse).transpose()?;
        let delimiter = self.delimiter.as_deref().map(str::parse).transpose()?;
        Ok(ReadOptions {
            encoding,
            delimiter,
        })
    }

    /// `true` if the rows are people who are invited.
    pub fn invites(&self) -> bool {
        let mode = self.joining.as_ref().map(|joining| joining.mode);
        self.kind == ImportKind::Members && mode == Some(MemberMode::Invite)
    }

    /// `true` if so many wrong rows are too many.
    pub(super) fn is_too_many(&self, rejected: u64) -> bool {
        self.max_errors.is_some_and(|most| rejected > most)
    }

    /// As the job keeps it.
    pub(super) fn to_json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self)
            .map_err(|error| Error::failure("the options cannot be kept").because(error))
    }
}

/// A rule that a row of the file breaks.
#[derive(Clone, Debug, Serialize)]
pub struct ShownFault {
    pub line: u64,
    pub column: String,
    pub value: String,
    pub rule: String,
}

impl ShownFault {
    pub(super) fn new(line: u64, fault: Fault) -> Self {
        let Fault {
            column,
            value,
            rule,
        } = fault;
        Self {
            line,
            column,
            value,
            rule,
        }
    }
}

/// Faults that are kept to be shown; a reject file has all.
pub(super) const SHOWN_FAULTS: usize = 20;
/// Rows that differ from what is there, as a sample.
pub(super) const SHOWN_DIFFERENCES: usize = 5;

/// Outcome of an import.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The job that tells of it; `None`: nothing was written.
    pub job: Option<Uuid>,
    /// `true` if all of the file is dealt with.
    pub is_done: bool,
    /// More rows were wrong than `max_errors` allows: reading stopped there.
    pub too_many_errors: bool,
    pub counts: Counts,
    /// Records that earlier runs of the job had dealt with.
    pub resumed_after: u64,
    /// The first of what is wrong.
    pub faults: Vec<ShownFault>,
    /// The first rows that differ from what is there.
    pub differences: Vec<Difference>,
    pub organizations: u64,
    pub reject_file: Option<PathBuf>,
    /// Who was sent an invitation.
    pub invited: u64,
    /// `true` if their links are mailed.
    pub are_mailed: bool,
    /// The file that has their links; `None`: none has.
    pub links_file: Option<PathBuf>,
    /// In a dry run: the files that there would be. Set by the caller, who left them out of the plan.
    pub would_write: Vec<PathBuf>,
    pub sha256: Option<[u8; 32]>,
    pub format: Option<Format>,
    /// Columns of the file that are not read.
    pub unknown_columns: Vec<String>,
}
