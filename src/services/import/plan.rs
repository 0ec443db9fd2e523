//! Options of an import, and its outcome.

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

/// Options of an import. They are stored with the job, so that a later `--resume` uses the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub kind: ImportKind,
    pub on_conflict: OnConflict,
    /// Import the valid rows even if others are wrong.
    pub partial: bool,
    /// Number of records per step; `None` for a single transaction.
    pub batch: Option<u64>,
    /// Maximum number of wrong rows before the import stops; `None` for no limit.
    pub max_errors: Option<u64>,
    pub dates: DateOrder,
    pub mappings: Vec<Mapping>,
    /// `None` to detect it.
    pub encoding: Option<String>,
    /// `None` to detect it.
    pub delimiter: Option<String>,
    /// Path of the file for rejected rows.
    pub reject_file: Option<PathBuf>,
    /// Handling of a reject file or links file that exists. It applies to one invocation and is not
    /// stored with the job.
    #[serde(skip)]
    pub existing: Existing,
    /// Prevent spreadsheet applications from evaluating cells of the reject file.
    pub excel_safe: bool,
    /// Only for kinds that invite or add people.
    #[serde(default)]
    pub joining: Option<Joining>,
    /// Only for organizations.
    #[serde(default)]
    pub defaults: Option<OrganizationDefaults>,
}

impl Plan {
    /// Returns the options for reading the file.
    ///
    /// # Errors
    /// `BadInput` for an unknown encoding or delimiter.
    pub(super) fn read_options(&self) -> Result<ReadOptions> {
        let encoding = self.encoding.as_deref().map(str::parse).transpose()?;
        let delimiter = self.delimiter.as_deref().map(str::parse).transpose()?;
        Ok(ReadOptions {
            encoding,
            delimiter,
        })
    }

    /// Returns `true` if the rows are people to invite.
    pub fn invites(&self) -> bool {
        let mode = self.joining.as_ref().map(|joining| joining.mode);
        self.kind == ImportKind::Members && mode == Some(MemberMode::Invite)
    }

    /// Returns `true` if this number of wrong rows exceeds the limit.
    pub(super) fn is_too_many(&self, rejected: u64) -> bool {
        self.max_errors.is_some_and(|most| rejected > most)
    }

    /// Returns the options as stored with the job.
    pub(super) fn to_json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self)
            .map_err(|error| Error::failure("could not encode the options").because(error))
    }
}

/// A fault of a row, for display.
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

/// Maximum number of faults for display. A reject file contains all.
pub(super) const SHOWN_FAULTS: usize = 20;
/// Maximum number of differing rows for display.
pub(super) const SHOWN_DIFFERENCES: usize = 5;

/// Outcome of an import.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The job; `None` if nothing was written.
    pub job: Option<Uuid>,
    /// `true` if the whole file is processed.
    pub is_done: bool,
    /// `true` if reading stopped because there were more wrong rows than `max_errors`.
    pub too_many_errors: bool,
    pub counts: Counts,
    /// Number of records that earlier runs of the job had processed.
    pub resumed_after: u64,
    /// The first faults.
    pub faults: Vec<ShownFault>,
    /// The first rows that differ from existing ones.
    pub differences: Vec<Difference>,
    pub organizations: u64,
    pub reject_file: Option<PathBuf>,
    /// Number of invitations.
    pub invited: u64,
    /// `true` if the links are mailed.
    pub are_mailed: bool,
    /// The file with the links, if there is one.
    pub links_file: Option<PathBuf>,
    /// In a dry run, the files that would be written. Set by the caller, who removes them from the
    /// plan.
    pub would_write: Vec<PathBuf>,
    pub sha256: Option<[u8; 32]>,
    pub format: Option<Format>,
    /// Columns of the file that are not imported.
    pub unknown_columns: Vec<String>,
}
