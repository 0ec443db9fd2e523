//! `tenantctl import`

mod columns;
mod file;
mod jobs;
mod template;
mod view;
mod watch;

use clap::Subcommand;

use crate::{context::App, domain::import::ImportKind, error::Result};

/// Import CSV files: all rows or none, and never a row twice.
///
/// Reads what spreadsheets write: UTF-8, UTF-16, Windows-1252; comma, semicolon, tab; .gz and .zst;
/// "-" is standard input. Header names are matched loosely; see `import columns KIND`. Everything
/// that is wrong is told at once, with line, column, value and rule; --reject-file gets those rows
/// with a column `error`, and can be imported again once it is mended. Rows are recognised by their
/// natural key, so that a second run changes nothing.
///
/// Examples:
///   tenantctl import patients clinic.csv --org sunrise --dry-run
///   tenantctl import patients clinic.csv --org sunrise --reject-file bad.csv --partial
///   tenantctl import patients big.csv.gz --org sunrise --batch 50000
///   tenantctl import template patients >patients.csv
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub enum ImportCommand {
    /// Import patients; with a column `organization` and without --org, of many organizations.
    ///
    /// Key: external_id; without one, name, birth date and telephone number.
    #[command(verbatim_doc_comment)]
    Patients(Box<file::FileArgs>),
    /// Import providers. Key: external_id; without one the e-mail address, and then the name.
    Providers(Box<file::FileArgs>),
    /// Import operatories. Key: external_id; without one the name.
    Operatories(Box<file::FileArgs>),
    Template(template::TemplateArgs),
    Columns(columns::ColumnsArgs),
    Jobs(jobs::JobsArgs),
}

impl ImportCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// What the verb could not do; `BadInput` where rows are wrong.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Patients(args) => args.run(app, ImportKind::Patients).await,
            Self::Providers(args) => args.run(app, ImportKind::Providers).await,
            Self::Operatories(args) => args.run(app, ImportKind::Operatories).await,
            Self::Template(args) => args.run(app),
            Self::Columns(args) => app.list(args.run()).await,
            Self::Jobs(args) => app.list(args.run(app).await?).await,
        }
    }
}
