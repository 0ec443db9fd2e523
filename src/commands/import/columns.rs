//! `import columns`

use clap::Args;
use serde::Serialize;

use crate::{
    cli::values,
    domain::import::{Column, ImportKind, ORGANIZATION, columns},
    output::{Cell, Listing, Record, Style},
};

/// Document the columns of a kind.
///
/// Prints their contents, whether they are required, and their other names.
///
/// Examples:
///   tenantctl import columns patients
///   tenantctl import columns appointments -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ColumnsArgs {
    /// The kind of rows: members, patients, providers, operatories, schedules, appointments or
    /// organizations.
    #[arg(value_parser = values::import_kind)]
    kind: ImportKind,
}

impl ColumnsArgs {
    pub(super) fn run(self) -> Listing<ColumnLine> {
        let organization = self.kind.fills_many().then_some(&ORGANIZATION);
        let all = columns(self.kind).iter().chain(organization);
        Listing::of(all.map(ColumnLine).collect(), "")
    }
}

#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct ColumnLine(&'static Column);

impl Record for ColumnLine {
    fn fields() -> &'static [&'static str] {
        &["name", "required", "synonyms", "about", "examples"]
    }

    fn columns() -> &'static [&'static str] {
        &["COLUMN", "REQUIRED", "WHAT IT HOLDS", "ALSO CALLED"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let column = self.0;
        let required = if column.required { "yes" } else { "" };
        vec![
            style.bold(column.name),
            required.into(),
            column.about.into(),
            column.synonyms.join(", ").into(),
        ]
    }
}
