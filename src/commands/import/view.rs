//! Result of an import.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::{
    app::App,
    csv_file::CsvFile,
    db::import::Difference,
    domain::{
        Organization, hexadecimal,
        import::{Counts, ImportKind},
    },
    error::Error,
    hint::Hint,
    output::{Cell, Page, View},
    run,
    services::import::{Outcome, Plan, ShownFault},
};

/// The result of an import, for display and as JSON.
#[derive(Serialize)]
pub(super) struct ImportView {
    kind: ImportKind,
    file: String,
    sha256: Option<String>,
    encoding: Option<String>,
    delimiter: Option<String>,
    compression: Option<String>,
    organization: Option<String>,
    organizations: u64,
    /// `true` if the whole file is processed. With --partial, rows may have been rejected.
    done: bool,
    offline: bool,
    job: Option<String>,
    rows: u64,
    counts: Counts,
    resumed_after: u64,
    too_many_errors: bool,
    faults: Vec<ShownFault>,
    differences: Vec<DifferenceView>,
    unknown_columns: Vec<String>,
    reject_file: Option<PathBuf>,
    /// In a dry run, the files that would be written.
    would_write: Vec<PathBuf>,
    /// Number of invitations.
    invited: u64,
    /// `true` if their links are mailed.
    mailed: bool,
    links_file: Option<PathBuf>,
    #[serde(skip)]
    flags: RunFlags,
}

/// Options of the import that affect the messages.
struct RunFlags {
    is_rehearsal: bool,
    is_partial: bool,
    is_batch: bool,
    is_invitation: bool,
    path: String,
}

#[derive(Serialize)]
struct DifferenceView {
    line: u64,
    id: String,
    columns: Vec<ColumnDifference>,
}

#[derive(Serialize)]
struct ColumnDifference {
    column: String,
    there: Value,
    file: Value,
}

impl From<Difference> for DifferenceView {
    fn from(difference: Difference) -> Self {
        let columns = difference.columns.into_iter();
        Self {
            line: difference.line,
            id: difference.id.to_string(),
            columns: columns
                .map(|(column, [there, file])| ColumnDifference {
                    column,
                    there,
                    file,
                })
                .collect(),
        }
    }
}

impl ImportView {
    pub(super) fn new(
        app: &App,
        path: &Path,
        file: &CsvFile,
        plan: &Plan,
        organization: Option<&Organization>,
        outcome: Outcome,
        is_offline: bool,
    ) -> Self {
        let format = outcome.format;
        Self {
            kind: plan.kind,
            file: file.name().to_owned(),
            sha256: outcome.sha256.map(|sha256| hexadecimal(&sha256)),
            encoding: format.map(|format| format.encoding.to_string()),
            delimiter: format.map(|format| format.delimiter.to_string()),
            compression: format
                .and_then(|format| format.compression)
                .map(|c| c.to_string()),
            organization: organization.map(|organization| organization.slug.to_string()),
            organizations: outcome.organizations,
            done: outcome.is_done,
            offline: is_offline,
            job: outcome.job.map(|job| job.to_string()),
            rows: outcome.counts.rows(),
            counts: outcome.counts,
            resumed_after: outcome.resumed_after,
            too_many_errors: outcome.too_many_errors,
            faults: outcome.faults,
            differences: outcome.differences.into_iter().map(Into::into).collect(),
            unknown_columns: outcome.unknown_columns,
            reject_file: outcome.reject_file,
            would_write: outcome.would_write,
            invited: outcome.invited,
            mailed: outcome.are_mailed && outcome.invited > 0,
            links_file: outcome.links_file,
            flags: RunFlags {
                is_rehearsal: app.global.dry_run,
                is_partial: plan.partial,
                is_batch: plan.batch.is_some(),
                is_invitation: plan.invites(),
                path: path.display().to_string(),
            },
        }
    }

    /// Returns the error for wrong rows, if there are any.
    pub(super) fn verdict(&self) -> Option<Error> {
        let rejected = self.counts.rejected;
        if rejected == 0 {
            return None;
        }
        let message = match (self.done, self.offline) {
            _ if self.too_many_errors => {
                format!("{rejected} rows are wrong, more than --max-errors allows: reading stopped")
            }
            (true, _) => format!("{rejected} of {} rows were rejected", self.rows),
            (false, true) => format!("{rejected} of {} rows are wrong", self.rows),
            (false, false) if self.resumed_after > 0 || self.job.is_some() => format!(
                "{rejected} rows of this step are wrong: it was rolled back, earlier steps are kept"
            ),
            (false, false) => format!(
                "{rejected} of {} rows are wrong: nothing was imported",
                self.rows
            ),
        };
        let error = Error::bad_input(message);
        let error = match &self.reject_file {
            Some(path) => error.hint(format!(
                "fix the rows in {} and import that file",
                path.display()
            )),
            None => error
                .hint("use --reject-file bad.csv to write all of them to a file, with the reasons"),
        };
        Some(match (self.done, self.flags.is_partial) {
            (false, false) if !self.offline => error.hint("use --partial to import the other rows"),
            _ => error,
        })
    }

    fn format_words(&self) -> Option<String> {
        let encoding = self.encoding.as_ref()?;
        let delimiter = self.delimiter.as_ref()?;
        let compression = self.compression.as_ref();
        let compression = compression.map_or_else(String::new, |c| format!(", {c}"));
        Some(format!("{encoding}, {delimiter}{compression}"))
    }
}

impl View for ImportView {
    fn human(&self, page: &mut Page) {
        let counts = &self.counts;
        page.field("File", &self.file)
            .optional_field("Read as", self.format_words());
        match &self.organization {
            Some(slug) => page.field("Organization", slug),
            None if self.kind == ImportKind::Organizations => page,
            None if self.offline => page.field("Organization", "unknown: checked offline"),
            None => page.field("Organizations", self.organizations.to_string()),
        };
        if !self.unknown_columns.is_empty() {
            page.field("Ignored", listed(&self.unknown_columns));
        }
        if self.resumed_after > 0 {
            page.field("Resumed after", format!("row {}", self.resumed_after));
        }
        page.field("Rows", self.rows.to_string());
        if self.offline {
            page.field("Good", counts.new.to_string());
        } else {
            page.field("New", counts.new.to_string())
                .field("Changed", counts.changed.to_string())
                .field("Unchanged", counts.unchanged.to_string());
            if counts.skipped > 0 {
                page.field(
                    "Skipped",
                    format!("{} (exist with other values)", counts.skipped),
                );
            }
        }
        let rejected = counts.rejected.to_string();
        let style = page.style();
        page.field(
            "Rejected",
            if counts.rejected == 0 {
                rejected.into()
            } else {
                style.bad(rejected)
            },
        );
        page.optional_field("Reject file", shown(self.reject_file.as_deref()));
        page.optional_field("Links file", shown(self.links_file.as_deref()));
        for path in &self.would_write {
            page.field("Would write", path.display().to_string());
        }
        page.optional_field("Job", self.job.as_ref());
        self.human_differences(page);
        self.human_faults(page);
    }

    fn summary(&self) -> Option<String> {
        let Counts {
            new,
            changed,
            unchanged,
            skipped,
            ..
        } = self.counts;
        let kind = self.kind;
        if self.offline {
            return Some(format!(
                "{} rows were checked without the database",
                self.rows
            ));
        }
        if !self.done {
            return None;
        }
        if new + changed == 0 {
            let left = if skipped > 0 {
                format!(
                    ", {skipped} exist with other values and were skipped (use --on-conflict update to change them)"
                )
            } else {
                String::new()
            };
            let there = match self.flags.is_invitation {
                true => "are already members or invited".to_owned(),
                false => format!("{kind} already exist"),
            };
            return Some(format!("nothing changed: {unchanged} {there}{left}"));
        }
        let verb = match (self.flags.is_rehearsal, new) {
            (true, _) => "would be",
            (false, 1) => "was",
            (false, _) => "were",
        };
        let kind = match new {
            1 => kind.singular(),
            _ => kind.as_str(),
        };
        let links = self.links_told();
        let done = match self.flags.is_invitation {
            true => "invited",
            false => "added",
        };
        Some(format!(
            "{new} {kind} {verb} {done}, {changed} changed, {unchanged} unchanged, {skipped} skipped{links}"
        ))
    }

    fn next(&self) -> Vec<Hint> {
        let kind = self.kind;
        let noun = match kind {
            _ if self.organization.is_none() => "org",
            ImportKind::Members if self.flags.is_invitation => "invite",
            _ => kind.singular(),
        };
        let mut next = match &self.job {
            Some(job) if !self.done && self.flags.is_batch => {
                vec![run!["import", kind, self.flags.path, "--resume", job]]
            }
            Some(_) if self.done && !self.flags.is_rehearsal => vec![run![noun, "list"]],
            _ => Vec::new(),
        };
        next.extend(self.links_next());
        next
    }
}

impl ImportView {
    /// Returns the message about the links of the invited people.
    fn links_told(&self) -> String {
        match (self.invited, &self.links_file) {
            _ if self.invited == 0 || self.flags.is_rehearsal => String::new(),
            (links, None) if self.mailed => format!("; {links} links are being mailed"),
            (links, Some(path)) => {
                format!("; {links} links are only in {}", path.display())
            }
            (links, None) => format!(
                "; the links of {links} invitations were not kept, but users who sign up with \
                 an invited address join anyway"
            ),
        }
    }

    /// Returns the command that shows those links or issues new ones.
    fn links_next(&self) -> Option<Hint> {
        match &self.links_file {
            _ if self.invited == 0 || self.flags.is_rehearsal => None,
            None if self.mailed => Some(run!["outbox", "list"].labeled("list the messages")),
            Some(_) => None,
            None => Some(run!["invite", "resend", "EMAIL"].labeled("issue a link")),
        }
    }

    fn human_differences(&self, page: &mut Page) {
        if self.differences.is_empty() {
            return;
        }
        let changed = self.counts.changed > 0;
        page.heading(if changed {
            "Changes (the first ones)"
        } else {
            "Unchanged (the first ones)"
        });
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for difference in &self.differences {
            for column in &difference.columns {
                rows.push(vec![
                    difference.line.to_string().into(),
                    difference.id.as_str().into(),
                    column.column.as_str().into(),
                    plain(&column.there).into(),
                    plain(&column.file).into(),
                ]);
            }
        }
        page.table(&["LINE", "ID", "COLUMN", "THERE", "IN THE FILE"], &rows);
    }

    fn human_faults(&self, page: &mut Page) {
        if self.faults.is_empty() {
            return;
        }
        page.heading("Wrong");
        let rows: Vec<Vec<Cell>> = self
            .faults
            .iter()
            .map(|fault| {
                vec![
                    fault.line.to_string().into(),
                    fault.column.as_str().into(),
                    fault.value.as_str().into(),
                    fault.rule.as_str().into(),
                ]
            })
            .collect();
        page.table(&["LINE", "COLUMN", "VALUE", "RULE"], &rows);
        if self.counts.rejected > self.faults.len() as u64 {
            let more = self.counts.rejected - self.faults.len() as u64;
            page.line(format!("… and at least {more} more rows"));
        }
    }
}

fn shown(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn listed(columns: &[String]) -> String {
    const MOST: usize = 20;
    let shown = columns
        .iter()
        .take(MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match columns.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{shown} and {more} more columns"),
        _ => shown,
    }
}
