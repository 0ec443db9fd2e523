//! `import template`

use std::path::PathBuf;

use clap::Args;

use crate::{
    app::App,
    cli::values,
    domain::import::{Column, ImportKind, ORGANIZATION, columns},
    error::{Error, Result},
};

/// Print an example file with all columns and a few rows.
///
/// Examples:
///   tenantctl import template patients --out patients.csv
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct TemplateArgs {
    /// The kind of rows: members, patients, providers, operatories, schedules, appointments or
    /// organizations.
    #[arg(value_parser = values::import_kind)]
    kind: ImportKind,

    /// Include the column organization, for a file of several organizations.
    #[arg(long)]
    organizations: bool,

    /// Write to this file instead.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl TemplateArgs {
    pub(super) fn run(self, app: &App) -> Result<()> {
        if self.organizations && !self.kind.fills_many() {
            return Err(Error::usage(format!(
                "a file of {} contains the rows of one organization",
                self.kind
            ))
            .hint("use --org when you import the file"));
        }
        let organization = self.organizations.then_some(&ORGANIZATION);
        let columns: Vec<&Column> = organization.into_iter().chain(columns(self.kind)).collect();
        let mut csv = csv::Writer::from_writer(Vec::new());
        let header = columns.iter().map(|column| column.name);
        let written = csv.write_record(header).and_then(|()| {
            (0..2).try_for_each(|row| csv.write_record(columns.iter().map(|c| c.examples[row])))
        });
        let text = written
            .map_err(|error| error.to_string())
            .and_then(|()| csv.into_inner().map_err(|error| error.to_string()))
            .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()));
        let text =
            text.map_err(|cause| Error::failure("could not write the template").because(cause))?;
        app.print_or_write(self.out.as_deref(), &text, "the template")
    }
}
